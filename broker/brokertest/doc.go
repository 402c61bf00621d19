// Package brokertest starts a whole Bongsu in a test, on free ports, and puts a
// browser in front of it.
//
//	i := brokertest.Start(t)
//	b := brokertest.NewBrowser(t)
//	page := b.SignIn(i, "kakao", "minji")
//
// brokertest.Start(t, brokertest.ThreeSites) starts three sites behind one front
// door; i.Site("seoul").Turn(ctx, switchboard.SiteDead) takes one away, and
// switchboard.SiteOK brings it back.
//
// It is broker/dev with a [testing.TB] around it: what fails ends the test, what
// was started is stopped with it. It knows no more of the walk than a person
// does: addresses, and the ids of links and buttons.
//
// [StartNode] is the other half, for attacks: one broker as production has it,
// with websites that nobody serves, a clock to move and its log to search.
//
//	n := brokertest.StartNode(t)
//	answer := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
//	tokens := n.Redeem(answer)
package brokertest
