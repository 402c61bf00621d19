package follow

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// It reads at once and with every period, and tells of a change alone.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		reads := 0
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Every(ctx, time.Second, slog.New(slog.NewTextHandler(&log, nil)), "outages", func(context.Context) error {
				reads++
				if reads >= 2 && reads <= 4 {
					return errors.New("away")
				}
				return nil
			})
		}()
		synctest.Wait()
		if reads != 1 || log.Len() != 0 {
			t.Errorf("%d reads at once, log %s", reads, &log)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		stop()
		<-done
		if reads != 6 {
			t.Errorf("%d reads in five seconds, want 6", reads)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 || !strings.Contains(log.String(), "readable=false") || !strings.Contains(log.String(), "readable=true") {
			t.Errorf("logged: %s", &log)
		}
	})
}
