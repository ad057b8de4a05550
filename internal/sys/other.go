//go:build !linux

package sys

import (
	"os"
	"syscall"
	"time"
)

// ImagePath is empty where a running image cannot be executed again.
const ImagePath = ""

// Program says what Start executes and how.
type Program struct {
	Path          string
	Args          []string
	Env           []string
	Dir           string
	Files         []uintptr
	Attr          *syscall.SysProcAttr
	DieWithThread bool
}

// Child is a started process.
type Child struct{ PID int }

// Exit says how a process ended.
type Exit struct {
	Code   int
	Signal syscall.Signal
	Known  bool
	MaxRSS int64
	CPU    time.Duration
}

// Image identifies the running executable.
type Image struct {
	Dev, Ino  uint64
	Size      int64
	MTimeNano int64
}

// The functions of the Linux side: each of them fails, naming itself.

func Pipe() (r, w *os.File, err error)        { return nil, nil, unsupported("Pipe") }
func GrowPipe(*os.File, int)                  {}
func PipeSize(*os.File) int                   { return 0 }
func NewFile(int, string) (*os.File, error)   { return nil, unsupported("NewFile") }
func Inherit(int) (int, error)                { return -1, unsupported("Inherit") }
func CloseInherited(int) error                { return unsupported("CloseInherited") }
func FIFOInode(int) (uint64, bool)            { return 0, false }
func Inode(*os.File) (uint64, error)          { return 0, unsupported("Inode") }
func Read(uintptr, []byte) (int, error)       { return 0, unsupported("Read") }
func Write(uintptr, []byte) (int, error)      { return 0, unsupported("Write") }
func MemFile(string, int64) (*os.File, error) { return nil, unsupported("MemFile") }
func MapShared(*os.File, int) ([]byte, error) { return nil, unsupported("MapShared") }
func MapAnonymous(int) ([]byte, error)        { return nil, unsupported("MapAnonymous") }
func Unmap([]byte) error                      { return unsupported("Unmap") }
func Start(*Program) (*Child, error)          { return nil, unsupported("Start") }
func (c *Child) Wait() (Exit, error)          { return Exit{}, unsupported("Wait") }
func (c *Child) Signal(syscall.Signal) error  { return unsupported("Signal") }
func (c *Child) Release() error               { return nil }
func RunningImage() (Image, error)            { return Image{}, unsupported("RunningImage") }
func AffinityCPUs() (int, error)              { return 0, unsupported("AffinityCPUs") }
func NameThread(string)                       {}
func KillSelf()                               { os.Exit(1) }

// A FileID tells a file from every other that exists at the same time.
type FileID struct{ Dev, Ino uint64 }

// What named shared memory needs.

func ShmTemp() (*os.File, error)               { return nil, unsupported("ShmTemp") }
func ShmLink(*os.File, string) error           { return unsupported("ShmLink") }
func ShmOpen(string) (*os.File, error)         { return nil, unsupported("ShmOpen") }
func ShmUnlink(string) error                   { return unsupported("ShmUnlink") }
func ShmLookup(string) (FileID, error)         { return FileID{}, unsupported("ShmLookup") }
func LookupFile(string) (FileID, error)        { return FileID{}, unsupported("LookupFile") }
func ShmPath(name string) string               { return name }
func Identify(*os.File) (FileID, int64, error) { return FileID{}, 0, unsupported("Identify") }
func ShmFree() (uint64, bool)                  { return 0, false }
func OwnSession() *syscall.SysProcAttr         { return nil }
