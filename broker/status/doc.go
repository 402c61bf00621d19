// Package status tells everybody how logging in goes: /status for people and
// /status.json for websites that show a banner of their own.
//
//	health.Snapshot ──Look──▶ View ──▶ judge: verdict, readings ──▶ page, JSON
//	                            └────▶ Log: incidents seen since the start
//
// What it serves is the same for everybody and made of memory alone: no store,
// no provider and no peer is asked, so it can be read while any of them is gone.
// It is cacheable, and an old copy says that it is old. It shows no website's
// name, no volume, no probe and no cause.
//
// It decides nothing about logins and keeps nothing on disk: the list of
// incidents begins when the node does.
package status
