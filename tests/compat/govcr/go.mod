module client

go 1.22

require gopkg.in/dnaeon/go-vcr.v4 v4.0.2

require gopkg.in/yaml.v3 v3.0.1 // indirect
