//go:build linux

package mp_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

var countFiles = mp.Action0(func(ctx context.Context) error {
	say(openFiles())
	<-ctx.Done()
	return nil
})

func TestPROC16_LaterChildrenInheritNothingOfEarlierOnes(t *testing.T) {
	leaktest.Check(t)
	var counts []int
	for range 5 {
		_, box := launchTalking(t, countFiles.With(none))
		counts = append(counts, box.number(t))
	}
	for _, n := range counts {
		assert.Equal(t, counts[0], n, "%v", counts)
	}
	assert.Positive(t, counts[0])
}

func TestPROC16_ConcurrentStartsInheritNothingOfEachOther(t *testing.T) {
	leaktest.Check(t)
	boxes := make([]*mailbox, 8)
	processes := make([]*mp.Process, len(boxes))
	errs := make(chan error)
	for i := range boxes {
		box, w := newMailbox(t)
		p := mp.NewProcess(countFiles.With(none))
		p.ExtraFiles = []*os.File{w}
		boxes[i], processes[i] = box, p
		go func() { errs <- p.Start() }()
	}
	for range boxes {
		require.NoError(t, <-errs)
	}
	var counts []int
	for i, p := range processes {
		t.Cleanup(func() {
			_ = p.Kill()
			<-p.Done()
		})
		require.NoError(t, p.ExtraFiles[0].Close())
		counts = append(counts, boxes[i].number(t))
	}
	for _, n := range counts {
		assert.Equal(t, counts[0], n, "%v", counts)
	}
}

var passOn = mp.Action0(func(ctx context.Context) error {
	p, err := startTalking(sayTwo.With(none))
	if err != nil {
		return err
	}
	say("1")
	return p.Join(ctx)
})

var sayTwo = mp.Action0(func(context.Context) error {
	say("2")
	return nil
})

func TestSTART09_AChildHandsOnWhatItWasGiven(t *testing.T) {
	p, box := launchTalking(t, passOn.With(none))
	assert.ElementsMatch(t, []string{"1", "2"}, box.rest(t))
	require.NoError(t, join(t, p))
}

// shout is the long-lived child of PROC-19: what comes on descriptor 3 goes out
// on 4 in capitals.
type shout struct{ Greeting string }

func (s shout) Run(context.Context) error {
	in, out := os.NewFile(3, "in"), os.NewFile(4, "out")
	for lines := bufio.NewScanner(in); lines.Scan() && lines.Text() != ""; {
		if _, err := fmt.Fprintln(out, s.Greeting+strings.ToUpper(lines.Text())); err != nil {
			return err
		}
	}
	return nil
}

var shouting = mp.Runner[shout]()

func TestPROC19_ARunnerAnswersUntilToldToEnd(t *testing.T) {
	leaktest.Check(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	box, theirs := newMailbox(t)
	p := launch(t, shouting.With(shout{"<"}), func(p *mp.Process) { p.ExtraFiles = []*os.File{r, theirs} })
	require.NoError(t, r.Close())
	require.NoError(t, theirs.Close())
	for _, word := range []string{"hello", "world"} {
		_, err := fmt.Fprintln(w, word)
		require.NoError(t, err)
		assert.Equal(t, "<"+strings.ToUpper(word), box.next(t))
	}
	_, err = fmt.Fprintln(w)
	require.NoError(t, err)
	require.NoError(t, join(t, p))
}
