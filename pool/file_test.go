//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// inscription is a text for files.
type inscription struct {
	Files []*os.File
	Text  string
}

func (i inscription) write() (err error) {
	for _, f := range i.Files {
		_, failed := f.WriteString(i.Text)
		err = errors.Join(err, failed, f.Close())
	}
	return err
}

var (
	inscribe = mp.Func(func(_ context.Context, i inscription) (string, error) { return i.Text, i.write() })
	// inscribeTwice ends its worker at the first attempt.
	inscribeTwice = mp.Action(func(_ context.Context, i inscription) error {
		if err := i.write(); err != nil {
			return err
		}
		if marker := os.Getenv("MP_TEST_MARKER"); marker != "" && os.Mkdir(marker, 0o700) == nil {
			os.Exit(3)
		}
		return nil
	})
	// openPipe leaves the file that it returns to nobody else.
	openPipe = mp.Func(func(_ context.Context, text string) (*os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer w.Close()
		_, err = w.WriteString(text)
		return r, err
	})
)

// writtenTo returns a pipe's end to write to, and what reads all that was written when
// nobody has that end any more.
func writtenTo(t testing.TB) (w *os.File, all func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return w, func() string {
		t.Helper()
		require.NoError(t, w.Close())
		return contents(t, r)
	}
}

func contents(t testing.TB, r *os.File) string {
	t.Helper()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(bound)))
	text, err := io.ReadAll(r)
	require.NoError(t, err, "somebody still has the other end")
	return string(text)
}

func TestFilesAsArguments(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		ctx := within(t)
		for name, use := range map[string]func(call mp.Call[string], items []inscription) error{
			"Apply": func(call mp.Call[string], _ []inscription) error { _, err := pool.Apply(ctx, p, call); return err },
			"Submit": func(call mp.Call[string], _ []inscription) error {
				_, err := pool.Submit(ctx, p, call).Get(ctx)
				return err
			},
			"Map": func(_ mp.Call[string], items []inscription) error {
				_, err := pool.Map(ctx, p, inscribe, items)
				return err
			},
			"Imap": func(_ mp.Call[string], items []inscription) (failed error) {
				for _, err := range pool.Imap(ctx, p, inscribe, slices.Values(items)) {
					failed = errors.Join(failed, err)
				}
				return failed
			},
			"ImapUnordered": func(_ mp.Call[string], items []inscription) (failed error) {
				for _, err := range pool.ImapUnordered(ctx, p, inscribe, slices.Values(items)) {
					failed = errors.Join(failed, err)
				}
				return failed
			},
		} {
			t.Run(name, func(t *testing.T) {
				w, all := writtenTo(t)
				item := inscription{[]*os.File{w, w}, "x"}
				items := slices.Repeat([]inscription{item}, 25)
				require.NoError(t, use(inscribe.With(item), items))
				want := map[string]int{"Apply": 2, "Submit": 2}[name]
				if want == 0 {
					want = 50
				}
				assert.Equal(t, strings.Repeat("x", want), all())
			})
		}
	})
}

// duct is one end of a pipe.
type duct struct{ From, To *os.File }

// conduct writes a text or reads one to its end.
var conduct = mp.Func(func(_ context.Context, d duct) (string, error) {
	if d.To != nil {
		_, err := d.To.WriteString("through the pipe")
		return "", errors.Join(err, d.To.Close())
	}
	text, err := io.ReadAll(d.From)
	return string(text), errors.Join(err, d.From.Close())
})

// An item may wait for the end of another: the pool keeps nothing of one that is done.
func TestFilesOfItemsThatWaitForEachOther(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		texts, err := pool.Map(within(t), p, conduct, []duct{{To: w}, {From: r}}, pool.Progress(func(done, _ int) {
			assert.Equal(t, done == 1, w.Close() == nil)
		}))
		require.NoError(t, err)
		assert.Equal(t, []string{"", "through the pipe"}, texts)
	})
}

func TestFilesAsResults(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		t.Cleanup(runtime.GC) // what the tasks have opened, which is here if they are goroutines
		texts := make([]string, 30)
		for i := range texts {
			texts[i] = fmt.Sprint("text ", i)
		}
		got, err := pool.Map(within(t), p, openPipe, texts)
		require.NoError(t, err)
		require.Len(t, got, len(texts))
		for i, f := range got {
			assert.Equal(t, texts[i], contents(t, f))
			require.NoError(t, f.Close())
		}
		f, err := pool.Apply(within(t), p, openPipe.With("one"))
		require.NoError(t, err)
		assert.Equal(t, "one", contents(t, f))
		require.NoError(t, f.Close())
	})
}

// A task that is run again after a death gets its files again.
func TestFilesOfATaskThatIsRunAgain(t *testing.T) {
	t.Setenv("MP_TEST_MARKER", t.TempDir()+"/once")
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	w, all := writtenTo(t)
	f := pool.Submit(within(t), p, inscribeTwice.With(inscription{[]*os.File{w}, "x"}), pool.Retries(1))
	_, err := f.Get(within(t))
	require.NoError(t, err)
	assert.Equal(t, "xx", all())
}

// The files of tasks that are never run are closed.
func TestFilesOfTasksThatAreCancelled(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	w, all := writtenTo(t)
	ctx, cancel := context.WithCancel(within(t))
	var futures []*pool.Future[mp.None]
	for range 20 {
		futures = append(futures, pool.Submit(ctx, p, holdFiles.With(inscription{Files: []*os.File{w}})))
	}
	cancel()
	for _, f := range futures {
		_, err := ended(t, f)
		assert.ErrorIs(t, err, context.Canceled)
	}
	assert.Empty(t, all())
}

var holdFiles = mp.Action(func(ctx context.Context, i inscription) error {
	<-ctx.Done()
	return errors.Join(ctx.Err(), i.write())
})
