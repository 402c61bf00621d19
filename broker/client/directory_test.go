package client

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func called(id string) func(*Client) { return func(c *Client) { c.ID = id } }

func ids(d *Directory) string {
	var all []string
	for _, c := range d.All() {
		owner, _ := d.Owner(c.ID)
		all = append(all, c.ID+" of the "+string(owner))
	}
	return strings.Join(all, ", ")
}

func TestADirectoryHoldsTheClientsOfFileAndStore(t *testing.T) {
	d := NewDirectory()
	if len(d.All()) != 0 {
		t.Error("a new directory is not empty")
	}
	if left := d.SetStored([]*Client{website(called("stored")), website(called("both"))}); left != nil {
		t.Errorf("left out: %v", left)
	}
	if got := ids(d); got != "stored of the store, both of the store" {
		t.Errorf("with the store alone: %s", got)
	}
	of := func(c *Client) { c.ID, c.Name = "both", "of the file" }
	if err := d.SetFile([]*Client{website(called("filed")), website(of)}); err != nil {
		t.Fatal(err)
	}
	if got := ids(d); got != "filed of the file, both of the file, stored of the store" {
		t.Errorf("with both: %s", got)
	}
	if c, _ := d.Client("both"); c.Name != "of the file" {
		t.Errorf("the store shadows the file: %q", c.Name)
	}
	if c, ok := d.ByTag(TagOf("stored")); !ok || c.ID != "stored" {
		t.Error("a client of the store is not found by its tag")
	}
	if !d.OriginAllowed("https://rp1.example") || d.OriginAllowed("https://evil.example") {
		t.Error("origins are not those of the clients")
	}
	if err := d.SetFile(nil); err != nil {
		t.Fatal(err)
	}
	if got := ids(d); got != "stored of the store, both of the store" {
		t.Errorf("after the file dropped its own: %s", got)
	}
	if _, ok := d.Owner("filed"); ok {
		t.Error("a client that is gone has an owner")
	}
}

func TestADirectoryKeepsWhatItHasWhenTheFileIsWrong(t *testing.T) {
	d := NewDirectory()
	if err := d.SetFile([]*Client{website(called("good"))}); err != nil {
		t.Fatal(err)
	}
	if err := d.SetFile([]*Client{website(called("next")), {ID: "unsound"}}); err == nil {
		t.Fatal("an unsound file is taken")
	}
	if got := ids(d); got != "good of the file" {
		t.Errorf("after a refused file: %s", got)
	}
}

func TestOneUnsoundClientOfTheStoreIsLeftOutAlone(t *testing.T) {
	d := NewDirectory()
	if err := d.SetFile([]*Client{website(called("c-19842"))}); err != nil {
		t.Fatal(err)
	}
	left := d.SetStored([]*Client{
		website(called("good")), {ID: "unsound"}, website(called("c-32432")), website(called("c-19842")), website(called("good")),
	})
	if len(left) != 4 {
		t.Fatalf("left out: %v", left)
	}
	for i, says := range []string{`client "unsound": name`, `its tag`, `the id is used twice`, `the id is used twice`} {
		if !strings.Contains(left[i].Error(), says) {
			t.Errorf("left out %d does not say %q: %v", i, says, left[i])
		}
	}
	if got := ids(d); got != "c-19842 of the file, good of the store" {
		t.Errorf("what is left: %s", got)
	}
}

func TestReadersOfADirectorySeeOneStateOrTheOther(t *testing.T) {
	d := NewDirectory()
	pair := func(n string) []*Client { return []*Client{website(called("a" + n)), website(called("b" + n))} }
	if err := d.SetFile(pair("0")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got := d.All(); len(got) != 2 || got[0].ID[1:] != got[1].ID[1:] {
					t.Errorf("a reader saw half a change: %d clients", len(got))
					return
				}
			}
		})
	}
	for range 200 {
		for _, n := range []string{"1", "2"} {
			if err := d.SetFile(pair(n)); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	all.Wait()
	if !slices.ContainsFunc(d.All(), func(c *Client) bool { return c.ID == "a2" }) {
		t.Error("the last change is lost")
	}
}
