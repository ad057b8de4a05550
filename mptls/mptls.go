// Package mptls encrypts the connections of package mp with TLS:
//
//	l, err := (&mp.ListenConfig{TLS: mptls.New(config), Auth: auth}).Listen(ctx, "tcp", ":6000")
//	c, err := (&mp.Dialer{TLS: mptls.New(config), Auth: auth}).Dial(ctx, "tcp", "server:6000")
//
// It is a package of its own because crypto/tls, with package net, costs each process
// of a program that imports it: half a MiB of memory, and with cgo on, half a
// millisecond of its start.
//
// A peer that is killed cannot end a TLS connection in good order: Recv then returns
// io.ErrUnexpectedEOF, for a stranger could have cut the connection as well.
package mptls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/transport"
)

// New returns TLS with a configuration, which must not be changed afterwards; nil is
// the zero one. The end that listens needs a certificate in it: without Certificates,
// GetCertificate and GetConfigForClient, Listen returns an error. The end that dials
// checks that of the other one against the host that it has dialled, unless ServerName
// is set.
func New(config *tls.Config) mp.TLS { return security{config} }

type security struct{ config *tls.Config }

// String does not have the configuration in it, with its private keys.
func (s security) String() string { return "mptls.New(...)" }

// GoString is String.
func (s security) GoString() string { return s.String() }

// CheckListen returns an error if no peer could be let in: Listen calls it.
func (s security) CheckListen() error {
	c := s.config
	if c == nil || len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return errNoCertificate
	}
	return nil
}

var errNoCertificate = errors.New("mptls.New: to listen, the configuration needs Certificates, GetCertificate or GetConfigForClient")

// Secure runs the handshake: see transport.Security.
func (s security) Secure(ctx context.Context, carrier transport.Carrier, dialled bool, host string) (transport.Carrier, error) {
	config := s.config
	if config == nil {
		config = &tls.Config{}
	}
	socket := plain{carrier}
	var c *tls.Conn
	if dialled {
		if config.ServerName == "" && host != "" {
			config = config.Clone()
			config.ServerName = host
		}
		c = tls.Client(socket, config)
	} else {
		c = tls.Server(socket, config)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn{c, carrier}, nil
}

// farewell is how long Close waits for a peer that does not read what is sent already.
const farewell = time.Second

// A conn is TLS that can be closed while a Read writes: it answers a KeyUpdate of the
// peer, and if the peer does not read that, it has the lock that Close needs before it
// sets a deadline of its own.
type conn struct {
	*tls.Conn
	socket transport.Carrier
}

func (c conn) Close() error {
	_ = c.socket.SetWriteDeadline(time.Now().Add(farewell))
	return c.Conn.Close()
}

// plain makes a net.Conn of a carrier. TLS does not ask for the addresses.
type plain struct{ transport.Carrier }

func (plain) LocalAddr() net.Addr  { return mp.Addr{} }
func (plain) RemoteAddr() net.Addr { return mp.Addr{} }

// SetDeadline sets both.
func (p plain) SetDeadline(t time.Time) error {
	if err := p.SetReadDeadline(t); err != nil {
		return err
	}
	return p.SetWriteDeadline(t)
}
