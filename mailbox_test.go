//go:build linux

package mp_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A mailbox receives the lines that children say.
type mailbox struct {
	file  *os.File
	lines *bufio.Reader
}

// launchTalking is launch for a task that reports with say.
func launchTalking(t testing.TB, call mp.AnyCall, set ...func(*mp.Process)) (*mp.Process, *mailbox) {
	t.Helper()
	box, w := newMailbox(t)
	p := launch(t, call, append(set, func(p *mp.Process) { p.ExtraFiles = append([]*os.File{w}, p.ExtraFiles...) })...)
	require.NoError(t, w.Close())
	return p, box
}

// newMailbox returns a mailbox and the end of a pipe to give to the children.
func newMailbox(t testing.TB) (*mailbox, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return &mailbox{r, bufio.NewReader(r)}, w
}

// next returns the next line.
func (b *mailbox) next(t testing.TB) string {
	t.Helper()
	require.NoError(t, b.file.SetReadDeadline(time.Now().Add(patience)))
	line, err := b.lines.ReadString('\n')
	require.NoError(t, err, "after %q", line)
	return strings.TrimSuffix(line, "\n")
}

// number returns the next line, which is a number.
func (b *mailbox) number(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(b.next(t))
	require.NoError(t, err)
	return n
}

// rest returns the lines until nobody holds the other end any more.
func (b *mailbox) rest(t testing.TB) (lines []string) {
	t.Helper()
	require.NoError(t, b.file.SetReadDeadline(time.Now().Add(patience)))
	s := bufio.NewScanner(b.lines)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	require.NoError(t, s.Err())
	return lines
}

// voice is, in a child that was launched talking, the way to the mailbox.
var voice = sync.OnceValue(func() *os.File { return os.NewFile(3, "mailbox") })

// say sends a line to the mailbox.
func say(args ...any) { fmt.Fprintln(voice(), args...) }
