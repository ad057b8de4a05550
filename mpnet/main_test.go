//go:build linux

package mpnet_test

import (
	"os"
	"testing"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestMain(m *testing.M) {
	mp.Init()
	os.Exit(leaktest.Run(m))
}
