package tracker

import (
	"os"
	"testing"

	"github.com/multiproc/mp/internal/leaktest"
	"github.com/multiproc/mp/internal/spawn"
)

// TestMain is the main function of the trackers, too.
func TestMain(m *testing.M) {
	if in := spawn.Child(); in != nil {
		s, err := in.Setup()
		switch {
		case err != nil:
			in.Refuse(err)
		case s.Name == "refuse":
			in.Refuse(errRefused)
		case s.Name == "die":
			os.Exit(0)
		}
		if err := Serve(in); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(leaktest.Run(m))
}
