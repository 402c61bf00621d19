// Package drill practises outages: for a share of logins a provider looks down,
// slow or failing, inside our own client, while the provider itself is asked
// nothing it would not be asked anyway.
//
//	operator ─Start─▶ store ◀─every second─ every node ─Looks─▶ login: is this one in it?
//	                    ▲                                └─Wrap──▶ its legs fail or wait
//	                    └── counts ◀── Count ◀── login: assigned, completed, refused
//
// One drill runs at a time, at all sites. It ends by its time, which each node
// keeps alone; by an operator; by a real incident; or because too few of its
// logins succeed. A node that cannot read the store for a few seconds drills
// nobody. Injected failures are marked and never reach the health board, so a
// drill can neither trip a verdict nor hide behind one.
//
// The package decides nothing about menus and counts only what login tells it;
// the report's numbers are those counts.
package drill
