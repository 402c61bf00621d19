// Package simulate plays an outage against the code that meets one: the health
// boards of every node, the choice of ways, the ceilings, and the exchange of
// news between sites, in virtual time and with as many people as a country has.
//
//	script ──▶ arrivals, second by second ──▶ choice ──▶ providers as the script has them
//	               ▲                                          │ what each step came to
//	               └── verdicts ◀── health.Board ◀── probes ◀─┘
//	                                    ▲ records
//	                                    └── cluster.Exchange over a simulated wire
//
// People are numbers: how many come by which linked ways. What a provider does,
// how long people wait and what they do then is the script's to say; everything
// else is the program's own code. What stands in for the network is a wire with
// a delay: the gossip library itself, whose clock cannot be turned, is not played.
// The package decides nothing about logins and is no part of a running broker.
package simulate
