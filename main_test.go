//go:build linux

package mp_test

import (
	"os"
	"testing"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestMain(m *testing.M) {
	mp.Init()
	code := leaktest.Run(m)
	removePrograms()
	os.Exit(code)
}
