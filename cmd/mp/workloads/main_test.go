package workloads

import (
	"os"
	"testing"

	"github.com/multiproc/mp"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == BareArgument {
		return // as main of the command mp
	}
	mp.Init()
	os.Setenv("GORACE", "atexit_sleep_ms=0") // with -race, bare children take a second otherwise
	os.Exit(m.Run())
}
