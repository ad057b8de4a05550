// Echo_server is a server with several processes: they are started in advance, and
// accept connections of one listener, which the parent has opened and passed to them.
// The kernel gives each connection to one of them.
//
// Clients, goroutines of the parent, have 400 lines echoed, each over a connection of
// its own. After 100 answers a worker is killed, and another takes its place, with the
// same listener. No client is refused meanwhile: at most the one connection breaks
// that the killed worker has at that moment, and its client tries again.
//
// It prints how the worker has ended, how often a client had to try again, and how many
// lines each worker has echoed.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/multiproc/mp"
	_ "github.com/multiproc/mp/mpnet" // net.Listener travels
)

const (
	workers = 3
	clients = 8
	lines   = 400
	killAt  = 100 // answers
)

// station is what a worker gets.
type station struct {
	Number   int
	Listener net.Listener
}

// work accepts connections until its context ends, and echoes one line over each.
var work = mp.Action(func(ctx context.Context, s station) error {
	defer context.AfterFunc(ctx, func() { _ = s.Listener.Close() })()
	for {
		c, err := s.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.echo(c) // the client says what is wrong
	}
})

func (s station) echo(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return
	}
	time.Sleep(time.Millisecond) // what a real server has to do
	_, _ = fmt.Fprintf(c, "%d %s", s.Number, line)
}

// ask has a line echoed, and returns the number of the worker that has done it.
func ask(ctx context.Context, address, line string) (worker int, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	var echoed string
	if _, err := fmt.Sscanf(string(answer), "%d %s\n", &worker, &echoed); err != nil || echoed != line {
		return 0, fmt.Errorf("asked %q, answered %q", line, answer)
	}
	return worker, nil
}

// tally is what the clients count.
type tally struct {
	mu     sync.Mutex
	asked  int
	served map[int]int // lines by the number of the worker
	again  int
	reach  chan struct{} // closed at killAt answers
}

// next says whether there is one more line to ask for: until all have been, and the
// worker that comes later has answered one.
func (t *tally) next() (line string, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked >= lines && t.served[workers] > 0 {
		return "", false
	}
	t.asked++
	return fmt.Sprint("line-", t.asked), true
}

func (t *tally) count(worker int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.again++
		return
	}
	t.served[worker]++
	if total := t.total(); total == killAt {
		close(t.reach)
	}
}

func (t *tally) total() (n int) {
	for _, served := range t.served {
		n += served
	}
	return n
}

// client asks until there is nothing left to ask.
func (t *tally) client(ctx context.Context, address string) {
	for line, more := t.next(); more; line, more = t.next() {
		for failed := true; failed && ctx.Err() == nil; {
			worker, err := ask(ctx, address, line)
			t.count(worker, err)
			failed = err != nil
		}
	}
}

// start starts a worker. Its number is that of its place in the order.
func start(number int, l net.Listener) (*mp.Process, error) {
	p := mp.NewProcess(work.With(station{number, l}))
	p.Daemon = true
	return p, p.Start()
}

func serve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	var processes []*mp.Process
	for number := range workers {
		p, err := start(number, l)
		if err != nil {
			return err
		}
		processes = append(processes, p)
	}

	t := &tally{served: make(map[int]int), reach: make(chan struct{})}
	var running sync.WaitGroup
	for range clients {
		running.Go(func() { t.client(ctx, l.Addr().String()) })
	}
	select {
	case <-t.reach:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := processes[0].Kill(); err != nil {
		return err
	}
	var exit *mp.ExitError
	if !errors.As(processes[0].Join(ctx), &exit) {
		return errors.New("the worker was not killed")
	}
	if processes[0], err = start(workers, l); err != nil {
		return err
	}
	running.Wait()
	for _, p := range processes {
		if err := p.Stop(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("worker 0 has been killed, exit code %d; worker %d has taken its place\n", exit.Code, workers)
	fmt.Printf("lines missing: %d, a client had to try again at most once: %t\n", t.asked-t.total(), t.again <= 1)
	for number := range workers + 1 {
		fmt.Printf("worker %d has echoed %d\n", number, t.served[number])
	}
	return ctx.Err()
}

func main() { mp.Main(serve) }
