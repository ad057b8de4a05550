// Go_python shows multiprocessing.connection between the two languages: a script in
// Python connects to a listener in Go, and then Go to a listener in Python. Each
// proves to the other that it has the key.
//
// It prints what each has heard; it says so if python3 is not installed.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/multiproc/mp"
)

// The script gets the key on its standard input, which nobody else can read.
const script = `
import sys
from multiprocessing.connection import Client, Listener
key = bytes.fromhex(sys.stdin.readline())

with Client(sys.argv[1], authkey=key) as conn:
    print("Python heard:", conn.recv_bytes().decode(), flush=True)
    conn.send_bytes(b"and this is Python")

with Listener(authkey=key) as listener:
    print(listener.address, flush=True)
    with listener.accept() as conn:
        conn.send_bytes(bytes(reversed(conn.recv_bytes())))
`

func talk(ctx context.Context) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key)                      // never fails
	auth := &mp.Auth{Key: key, AllowMD5: true} // Python up to 3.11 knows nothing better

	l, err := (&mp.ListenConfig{Auth: auth}).Listen(ctx, "unix", "") // a new path
	if err != nil {
		return err
	}
	defer l.Close()
	python := exec.CommandContext(ctx, "python3", "-c", script, l.Addr().String())
	python.Stdin, python.Stderr = strings.NewReader(hex.EncodeToString(key)+"\n"), os.Stderr
	stdout, err := python.StdoutPipe()
	if err != nil {
		return err
	}
	if err := python.Start(); err != nil {
		return err
	}
	defer python.Wait()
	lines := bufio.NewScanner(stdout)

	c, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SendBytes(ctx, []byte("this is Go")); err != nil {
		return err
	}
	text, err := c.RecvBytes(ctx, 1000) // at most so many bytes
	if err != nil {
		return err
	}
	lines.Scan()
	fmt.Println(lines.Text())
	fmt.Printf("Go heard: %s\n", text)

	lines.Scan() // where Python listens
	d, err := (&mp.Dialer{Auth: auth}).Dial(ctx, "unix", lines.Text())
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.SendBytes(ctx, []byte("stressed")); err != nil {
		return err
	}
	if text, err = d.RecvBytes(ctx, 1000); err != nil {
		return err
	}
	fmt.Printf("reversed in Python: %s\n", text)
	return nil
}

func main() {
	mp.Main(func(ctx context.Context) error {
		if _, err := exec.LookPath("python3"); err != nil {
			fmt.Println("skipped: there is no python3")
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		return talk(ctx)
	})
}
