//go:build linux && race

package examples

// buildFlags has the programs built as the tests are.
var buildFlags = []string{"-race"}
