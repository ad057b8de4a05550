package tracker

import (
	"cmp"
	"maps"
	"os/signal"
	"slices"
	"syscall"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
)

// Serve is the life of a tracker. It returns when the creator is gone and nothing
// is left of its files.
func Serve(in *spawn.Inheritance) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := in.Send(ipc.KindHello, nil); err != nil {
		return err // there is no creator any more, and so there are no files
	}
	files := make(map[File]struct{})
	for {
		frame, err := in.Control.Next()
		if err != nil {
			break
		}
		f, err := parseFile(frame.Body)
		switch {
		case err != nil:
		case frame.Kind == ipc.KindTrack:
			files[f] = struct{}{}
		case frame.Kind == ipc.KindForget:
			delete(files, f)
		}
	}
	// What is in a directory goes before the directory.
	longestFirst := func(a, b File) int { return cmp.Compare(len(b.Path), len(a.Path)) }
	for _, f := range slices.SortedFunc(maps.Keys(files), longestFirst) {
		f.remove() // others may have done that already
	}
	return nil
}
