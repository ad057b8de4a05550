package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgress(t *testing.T) {
	var w bytes.Buffer
	p := drawProgress(&w, "serial", 10)
	for range 10 {
		p.tick()
	}
	p.end()
	require.Contains(t, w.String(), "serial")
	require.Contains(t, w.String(), "/10")
}

func TestNoProgressWithoutATerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer file.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()

	p := newProgress("serial", 10)
	p.tick()
	p.end()
	info, err := file.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Size())
}
