//go:build linux

package mptls

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/transport"
)

// stuck is a carrier whose writes end with their deadline only.
type stuck struct {
	transport.Carrier
	deadline chan time.Time
}

func (s stuck) SetWriteDeadline(t time.Time) error {
	s.deadline <- t
	return nil
}

func (s stuck) Close() error { return nil }

// A peer can keep the lock of TLS, so Close bounds writing before it asks for that.
func TestConnCloseBoundsWritesFirst(t *testing.T) {
	s := stuck{deadline: make(chan time.Time, 1)}
	c := conn{tls.Client(plain{s}, &tls.Config{}), s} // before its handshake TLS says no farewell
	require.NoError(t, c.Close())
	require.Len(t, s.deadline, 1)
	assert.WithinDuration(t, time.Now(), <-s.deadline, farewell)
}
