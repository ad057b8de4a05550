package shmfile

import (
	"io/fs"
	"syscall"
)

// allocated returns how many bytes of a file exist.
func allocated(info fs.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
