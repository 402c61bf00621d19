package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// A statement that takes too long is left to the server; it is never cancelled.
// PostgreSQL answers a cancelled wait for a synchronous standby by calling the
// transaction committed: it can then be seen on a primary that is cut off, people
// log in by it, and whichever standby is promoted has never heard of it. Without a
// cancel request the transaction stays unseen until a standby has it, and goes with
// the primary if none ever does.
//
// The driver sends such requests by itself when a context ends. It makes a
// connection for each, with a context of its own, by which they are told apart.

var errNoCancel = errors.New("sqlstore: statements are not cancelled")

// connects marks the contexts of connections that the pool makes.
type connects struct{}

// connector marks what it is asked for.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.Connector.Connect(context.WithValue(ctx, connects{}, true))
}

// neverCancels returns dial, for connections that the pool makes alone.
func neverCancels(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, target string) (net.Conn, error) {
		if ctx.Value(connects{}) == nil {
			return nil, errNoCancel
		}
		return dial(ctx, network, target)
	}
}
