package broker_test

import (
	"net/http"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
)

// AB-17: a code redeemed at one node is replayed at the other, and the grant is
// revoked at both.
func TestAB17CodeReplayAtTheSecondNode(t *testing.T) {
	n := brokertest.StartNode(t, brokertest.Twins(t))
	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	first := n.Redeem(answer)
	if first.Status != http.StatusOK {
		t.Fatalf("the code gave %d %s", first.Status, first.Body)
	}
	refused(t, n.Redeem(answer), "invalid_grant") // at the other one
	for _, node := range []string{"one", "the other"} {
		if got := n.Userinfo(first.Text("access_token")); got.Text("error") != "invalid_token" {
			t.Errorf("%s node answers %d %s for a revoked grant", node, got.Status, got.Body)
		}
		refused(t, n.Redeem(answer), "invalid_grant")
	}
	if events := n.Events(audit.CodeReplayed); len(events) != 3 {
		t.Errorf("%d events tell of the replays, want 3", len(events))
	}
	if got := n.Rows()["grants"]; got != 1 {
		t.Errorf("%d grants, want 1", got)
	}
}

// AB-17, at once: of many redemptions at both nodes one wins, and loses it again.
func TestAB17CodeReplayAtBothNodesAtOnce(t *testing.T) {
	abuse11AtOnce(t, brokertest.StartNode(t, brokertest.Twins(t)))
}
