// Package sealtest is what the formats of sealed records must survive: nodes of one
// version read what those of the version before and after have sealed, so members are
// only ever added, and what was sealed yesterday means the same today.
//
// It seals nothing; package seal does.
package sealtest
