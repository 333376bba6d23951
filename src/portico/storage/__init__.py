"""The ledger and the keys on disk: adapters of `portico.ports.Store`."""
