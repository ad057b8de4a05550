//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// The key is in nothing that is written by itself.
func TestAuthKeepsTheKey(t *testing.T) {
	const secret = "SECRET-d41d8cd9"
	forms := []string{secret, fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret))[1:40], "U0VDUkVU"}
	clean := func(what, text string) {
		for _, form := range forms {
			assert.NotContains(t, strings.ToLower(text), strings.ToLower(form), what)
		}
	}
	a := &mp.Auth{Key: []byte(secret)}
	lc := mp.ListenConfig{Auth: a}
	d := mp.Dialer{Auth: a}
	inside := struct{ lc mp.ListenConfig }{lc}
	clean("unexported", fmt.Sprintf("%v %+v %#v", inside, inside, inside))
	for _, v := range []any{a, *a, lc, &lc, d, &d, []any{*a}, map[string]mp.Auth{"a": *a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			clean(verb, fmt.Sprintf(verb, v))
		}
		text, err := json.Marshal(v)
		if err == nil {
			clean("JSON", string(text))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		clean("slog", log.String())
	}
	clean("String", a.String()+a.GoString())

	rejected := newRejections()
	lc.OnReject = rejected.tell
	l := listenAt(t, "unix", lc)
	_, err := (&mp.Dialer{Auth: &mp.Auth{Key: []byte(secret + "x")}}).Dial(bounded(t), "unix", l.Addr().String())
	require.Error(t, err)
	clean("errors", fmt.Sprintf("%+v %+v %#v", err, rejected.next(t), err))
	clean("texts", fmt.Sprint(l, accepted(t, listenDialed(t, l, d))))

	p, box := launchTalking(t, showSelf.With(place{"unix", l.Addr().String(), a}))
	clean("/proc", strings.Join(box.rest(t), "\n"))
	require.NoError(t, join(t, p))
}

// listenDialed connects once, and returns the listener.
func listenDialed(t *testing.T, l *mp.Listener, d mp.Dialer) *mp.Listener {
	dialTo(t, l, d)
	return l
}

// showSelf, which has a key in its argument, shows what others can see of it.
var showSelf = mp.Action(func(ctx context.Context, p place) error {
	c, err := (&mp.Dialer{Auth: p.Auth}).Dial(ctx, p.Network, p.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, name := range []string{"cmdline", "environ", "comm"} {
		text, err := os.ReadFile("/proc/self/" + name)
		if err != nil {
			return err
		}
		say(string(text))
	}
	return nil
})

func TestAuthOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer quiet.Close()
	rejected := newRejections()
	for _, any := range []bool{false, true} {
		l := listenAt(t, "abstract", mp.ListenConfig{OnReject: rejected.tell, AnyUser: any})
		p := launch(t, echoOnce.With(place{"unix", l.Addr().String(), nil}), func(p *mp.Process) {
			p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
			p.Dir, p.Stderr = "/", quiet
		})
		if !any {
			require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication)
			require.Error(t, join(t, p))
			continue
		}
		require.NoError(t, accepted(t, l).Send(bounded(t), "x"))
		require.NoError(t, join(t, p))
	}
}

// A program may wipe its key when it listens: nobody gets in with the empty one.
func TestAuthKeyWipedAfterListen(t *testing.T) {
	key := &mp.Auth{Key: []byte("wiped")}
	l := listenAt(t, "unix", mp.ListenConfig{Auth: key})
	clear(key.Key)
	key.Key = nil
	_, err := (&mp.Dialer{Auth: &mp.Auth{Key: []byte{}}}).Dial(bounded(t), "unix", l.Addr().String())
	require.ErrorIs(t, err, mp.ErrAuthentication)
	dialTo(t, l, mp.Dialer{Auth: &mp.Auth{Key: []byte("wiped")}})
}
