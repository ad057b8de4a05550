//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/fdstore"
)

// descriptors puts its standard input under way, and ends while the process that
// keeps it is stopped.
func descriptors() {
	mp.Main(func(context.Context) error {
		if _, err := fdstore.Put(0); err != nil {
			return err
		}
		store, err := onlyChild()
		if err != nil {
			return err
		}
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", store))
		mine, _ := os.ReadFile("/proc/self/cmdline")
		fmt.Println(store, len(mp.ActiveChildren()), bytes.Equal(line, mine))
		return syscall.Kill(store, syscall.SIGSTOP)
	})
}

// onlyChild returns the one child process of this one.
func onlyChild() (pid int, err error) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, err
	}
	var pids []string
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		pids = append(pids, strings.Fields(string(text))...)
	}
	if len(pids) != 1 {
		return 0, fmt.Errorf("the children %v", pids)
	}
	return strconv.Atoi(pids[0])
}
