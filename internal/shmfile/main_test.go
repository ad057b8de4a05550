package shmfile

import (
	"os"
	"testing"

	"github.com/multiproc/mp/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
