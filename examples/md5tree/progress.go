package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// redraw is how often the progress bar is drawn.
const redraw = 100 * time.Millisecond

// A progress bar shows how far a pass has come. It is drawn now and then by a
// goroutine of its own, so that a tick costs the pass nothing to speak of.
type progress struct {
	done  atomic.Int64
	quit  chan struct{}
	ended chan struct{}
}

// newProgress starts a progress bar. On anything but a terminal it is invisible.
func newProgress(name string, total int) *progress {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if !term.IsTerminal(int(f.Fd())) {
			return new(progress)
		}
	}
	return drawProgress(os.Stderr, name, total)
}

// drawProgress draws a progress bar on w.
func drawProgress(w io.Writer, name string, total int) *progress {
	p := &progress{quit: make(chan struct{}), ended: make(chan struct{})}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(40),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("files"),
		progressbar.OptionClearOnFinish(),
	)
	_ = bar.RenderBlank() // an error of the terminal is not worth a word
	go func() {
		defer close(p.ended)
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_ = bar.Set64(p.done.Load())
			case <-p.quit:
				_ = bar.Clear()
				return
			}
		}
	}()
	return p
}

// tick notes that a file is done.
func (p *progress) tick() { p.done.Add(1) }

// end removes the bar.
func (p *progress) end() {
	if p.quit != nil {
		close(p.quit)
		<-p.ended
	}
}
