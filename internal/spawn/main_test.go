package spawn

import (
	"os"
	"testing"

	"github.com/multiproc/mp/internal/leaktest"
)

// TestMain is the main function of the children, too: those that this package
// starts, and those of os/exec to which the marker has leaked.
func TestMain(m *testing.M) {
	if in := Child(); in != nil {
		beChild(in)
	}
	if os.Getenv("SPAWN_TEST_LEAK") != "" {
		reportLeak()
	}
	os.Exit(leaktest.Run(m))
}

// reportLeak says whether the marker has been noticed, and removed.
func reportLeak() {
	if _, still := os.LookupEnv(marker); still {
		os.Stdout.WriteString("the marker is still in the environment")
		os.Exit(1)
	}
	os.Stdout.WriteString("an ordinary program")
	os.Exit(0)
}
