"""The black-box conformance run: recorded provider answers in, the contract's answers out.

Nothing here imports the gateway. Expectations come from the recordings by an
accumulator of their own, so that a misreading in the gateway cannot excuse itself.
`run.py` is the command; `CORPUS` names the folder with the recordings.
"""
