module github.com/multiproc/mp/cmd/mp

go 1.26.0

replace github.com/multiproc/mp => ../..
