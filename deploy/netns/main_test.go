//go:build linux

package netns

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
