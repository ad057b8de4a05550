package tracker

import (
	"os/signal"
	"syscall"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/shmfile"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

// Serve is the life of a tracker. It returns when the creator is gone and nothing
// is left of its blocks.
func Serve(in *spawn.Inheritance) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := in.Send(ipc.KindHello, nil); err != nil {
		return err // there is no creator any more, and so there are no blocks
	}
	blocks := make(map[sys.FileID]shmfile.Ref)
	for {
		f, err := in.Control.Next()
		if err != nil {
			break
		}
		ref, err := shmfile.ParseRef(f.Body)
		switch {
		case err != nil:
		case f.Kind == ipc.KindTrack:
			blocks[ref.ID] = ref
		case f.Kind == ipc.KindForget:
			delete(blocks, ref.ID)
		}
	}
	for _, ref := range blocks {
		_ = ref.Unlink() // others may have done that already
	}
	return nil
}
