package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

// marker is the environment variable that makes a process a child. Its value is
// the number of the first inherited descriptor, how many there are, and the
// inode of the pipe at the first, with colons between.
const marker = "MP_CHILD"

// inherited holds the channels of a child; nil in a process that is none.
var inherited *Inheritance

// An Inheritance is what a child has from its parent.
type Inheritance struct {
	Control *ipc.Reader
	Reports *ipc.Writer
	Tasks   *ipc.Reader // of a Worker

	files [5]*os.File
	err   error
}

// Child returns what this process has from its parent, or nil if it was not
// started by this library.
func Child() *Inheritance { return inherited }

func init() {
	value, ok := os.LookupEnv(marker)
	if !ok {
		return
	}
	os.Unsetenv(marker)
	restoreRaceEnv()
	base, count, inode, ok := parseMarker(value)
	if !ok {
		return
	}
	if found, ok := sys.FIFOInode(base); !ok || found != inode {
		return // the variable has leaked into a program that is not the child
	}
	if len(os.Args) > 0 { // the parent may have emptied its own, which are handed on
		sys.NameThread(filepath.Base(os.Args[0])) // initialisation runs on the main thread
	}
	inherited = new(Inheritance)
	inherited.take(base, count)
}

// parseMarker reads the value of the marker. By fmt.Sscanf it would take a child
// a tenth of the time in which it sets itself up.
func parseMarker(value string) (base, count int, inode uint64, ok bool) {
	first, rest, _ := strings.Cut(value, ":")
	second, third, _ := strings.Cut(rest, ":")
	base, err1 := strconv.Atoi(first)
	count, err2 := strconv.Atoi(second)
	inode, err3 := strconv.ParseUint(third, 10, 64)
	return base, count, inode, err1 == nil && err2 == nil && err3 == nil
}

// take moves the inherited descriptors out of the way, and closes what the
// parent had open by accident without close-on-exec.
func (in *Inheritance) take(base, count int) {
	for i := range min(count, len(in.files)) {
		fd, err := sys.Inherit(base + i)
		if err != nil {
			in.err = err
			return
		}
		in.files[i] = os.NewFile(uintptr(fd), "mp-inherited")
	}
	if arena := in.files[arenaFile]; arena != nil {
		shm.Inherit(arena)
	}
	in.err = sys.CloseInherited(base)
}

// Setup reads what the parent wants. It is called once, when main has reached
// mp.Init.
func (in *Inheritance) Setup() (s *Setup, err error) {
	if in.err != nil {
		return nil, in.err
	}
	if in.Control, err = ipc.NewReader(in.files[controlFile]); err != nil {
		return nil, err
	}
	if in.Reports, err = ipc.NewWriter(in.files[reportsFile]); err != nil {
		return nil, err
	}
	if err := debug.SetCrashOutput(in.files[memoryFile], debug.CrashOptions{}); err != nil {
		return nil, err
	}
	f, err := in.Control.Next()
	if err != nil {
		return nil, err
	}
	s, err = decodeSetup(f)
	if err != nil {
		return nil, err
	}
	mine, err := image()
	if err != nil {
		return nil, err
	}
	if mine != s.Image {
		return nil, errors.New("the child runs another build than its parent: the program was replaced in between; start the parent again")
	}
	if s.Role != Worker {
		return s, in.files[memoryFile].Close()
	}
	if in.files[tasksFile] == nil {
		return nil, errors.New("a pool worker without a pipe for its tasks")
	}
	in.Tasks, err = ipc.NewReader(in.files[tasksFile])
	return s, err
}

// Ledger maps the memory that a Worker shares with its parent.
func (in *Inheritance) Ledger() (*ledger.Ledger, error) {
	mem, err := sys.MapShared(in.files[memoryFile], ledger.Size)
	if err != nil {
		return nil, err
	}
	if err := in.files[memoryFile].Close(); err != nil {
		return nil, err
	}
	return ledger.New(mem)
}

// Send sends a frame to the parent.
func (in *Inheritance) Send(kind ipc.Kind, body []byte) error {
	frame, err := ipc.AppendFrame(nil, kind, 0, body)
	if err != nil {
		return err
	}
	_, err = in.Reports.Write(frame)
	return err
}

// Refuse tells the parent why this child cannot do its work, and ends it.
func (in *Inheritance) Refuse(why error) {
	if in.Reports != nil {
		_ = in.Send(ipc.KindRefuse, []byte(why.Error()))
	} else {
		fmt.Fprintln(os.Stderr, "mp: child process:", why)
	}
	os.Exit(1)
}
