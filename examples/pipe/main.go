// Pipe shows multiprocessing.Pipe with three programs that tutorials have. In the first a
// child sends one list and its parent receives it:
//
//	conn.send([42, None, 'hello'])
//	print(parent_conn.recv())
//
// In the second a writer sends nine books over a pipe of one direction, and a reader
// takes what there is, and stops when poll says that there is nothing:
//
//	while True:
//	    if p.poll(): p.recv().storagebook()
//	    else: break
//
// That reader may find nothing because it is quicker than the writer. Here it
// is started when the writer has ended, which is no loss: what has been sent is in
// shared memory. A reader that goes on until the end of the pipe, io.EOF, need not
// wait for that: it is the second one.
//
// In the third two processes speak in turns over a pipe of two directions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/multiproc/mp"
)

var sendList = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	return c.Send(ctx, []any{42, nil, "hello"})
})

// list is the first program.
func list(ctx context.Context) error {
	mine, theirs, err := mp.Pipe()
	if err != nil {
		return err
	}
	defer mine.Close()
	p, err := start(sendList.With(theirs), theirs)
	if err != nil {
		return err
	}
	got, err := mp.Recv[[]any](ctx, mine)
	fmt.Println("received:", got, err)
	return errors.Join(err, p.Join(ctx))
}

// start starts a process, and closes the ends of pipes that it has been given: when it
// ends, the others find the end of the pipe.
func start(call mp.AnyCall, ends ...*mp.Conn) (*mp.Process, error) {
	p := mp.NewProcess(call)
	err := p.Start()
	for _, c := range ends {
		err = errors.Join(err, c.Close())
	}
	return p, err
}

type book struct{ Name string }

var write = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	for n := 1; n < 10; n++ {
		if err := c.Send(ctx, book{fmt.Sprint("book-", n)}); err != nil {
			return err
		}
	}
	return nil
})

// readWhatIsThere polls: with a context that has ended that is a question that does not
// wait.
var readWhatIsThere = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	now, cancel := context.WithCancel(ctx)
	cancel()
	stored := 0
	for {
		ready, err := c.Poll(now)
		if errors.Is(err, context.Canceled) && !ready {
			fmt.Println("polled until there was nothing:", stored)
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := mp.Recv[book](ctx, c); err != nil {
			return err
		}
		stored++
	}
})

var readToTheEnd = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	for stored := 0; ; stored++ {
		_, err := mp.Recv[book](ctx, c)
		if err == io.EOF {
			fmt.Println("received until the end:", stored)
			return nil
		}
		if err != nil {
			return err
		}
	}
})

// books is the second program: with a reader that polls when the writer has ended, and
// with one that runs beside it.
func books(ctx context.Context) error {
	for _, read := range []*mp.Task[*mp.Conn, mp.None]{readWhatIsThere, readToTheEnd} {
		recv, send, err := mp.Simplex()
		if err != nil {
			return err
		}
		writer := mp.NewProcess(write.With(send))
		if err := writer.Start(); err != nil {
			return err
		}
		polls := read == readWhatIsThere
		if polls {
			if err := writer.Join(ctx); err != nil {
				return err
			}
		} else if err := send.Close(); err != nil { // else there is no end
			return err
		}
		reader, err := start(read.With(recv), recv)
		if err != nil {
			return err
		}
		if err := errors.Join(reader.Join(ctx), writer.Join(ctx), send.Close()); err != nil {
			return err
		}
	}
	return nil
}

var answer = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	for {
		n, err := mp.Recv[int](ctx, c)
		if err == io.EOF { // nobody asks any more
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.Send(ctx, n*n); err != nil {
			return err
		}
	}
})

// turns is the third program.
func turns(ctx context.Context) error {
	mine, theirs, err := mp.Pipe()
	if err != nil {
		return err
	}
	p, err := start(answer.With(theirs), theirs)
	if err != nil {
		return err
	}
	for n := range 5 {
		if err := mine.Send(ctx, n); err != nil {
			return err
		}
		square, err := mp.Recv[int](ctx, mine)
		if err != nil {
			return err
		}
		fmt.Println("asked", n, "answered", square)
	}
	return errors.Join(mine.Close(), p.Join(ctx))
}

func main() {
	mp.Main(func(ctx context.Context) error {
		return errors.Join(list(ctx), books(ctx), turns(ctx))
	})
}
