package sqlstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

// claimsInto names the database that this test binary claims codes in, instead
// of running tests.
const claimsInto = "BONGSU_TEST_CLAIMS_INTO"

// grantOf is the grant that claims login.
func grantOf(login string) store.Grant {
	hash := sha256.Sum256([]byte(login))
	return store.Grant{ID: "g" + login, LoginID: login, CodeHash: hash[:], AccountID: "a", ClientID: "demo", CreatedAt: noon}
}

// claimForEver prints each login after its claim was acknowledged, until it is
// killed.
func claimForEver(path string) {
	ctx := context.Background()
	s, err := Open(ctx, Options{Driver: SQLite, Path: path})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	var one sync.Mutex
	for range 8 {
		go func() {
			for {
				login, err := id.New(rand.Reader)
				if err == nil {
					_, err = s.ClaimCode(ctx, grantOf(login))
				}
				one.Lock()
				if err != nil {
					fmt.Println("claim:", err)
				} else {
					fmt.Println(login)
				}
				one.Unlock()
			}
		}()
	}
	select {}
}

// A process that is killed while it claims has lost nothing that it said.
func TestKilledProcessKeepsItsWord(t *testing.T) {
	o := sqliteOptions(t)
	for range 3 {
		said := claimAndKill(t, o.Path, 100)
		s := mustOpen(t, o)
		for _, login := range said {
			replay := grantOf(login)
			replay.ID = newID(t)
			if first, err := s.ClaimCode(t.Context(), replay); !errors.Is(err, store.ErrReplayed) || first != "g"+login {
				t.Fatalf("an acknowledged claim gives %q, %v", first, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// claimAndKill kills a process after at least n claims, and returns all that it
// acknowledged.
func claimAndKill(t *testing.T, path string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), claimsInto+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // a line that was cut off is not counted
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		if strings.Contains(line, ":") {
			t.Errorf("the process said %q", line)
		}
		if said = append(said, strings.TrimSpace(line)); len(said) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
	return said
}
