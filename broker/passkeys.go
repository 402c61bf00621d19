package broker

import (
	"context"
	"fmt"
)

// rpIDSecret names what is kept of passkeys.rp_id. It is no secret: it is kept as
// they are because it is made once and never changes, as they are.
const rpIDSecret = "passkeys rp id"

// keepRPID makes sure that passkeys go on belonging to the domain that they were
// made for: authenticators know them by no other, so under a new one every passkey
// would be lost. What is not configured promises nothing and is not checked.
func (b *Broker) keepRPID(ctx context.Context) error {
	wanted := b.config.RPID
	if wanted == "" {
		return nil
	}
	wrapped, err := b.config.ClusterKey.Wrap("secret "+rpIDSecret, []byte(wanted))
	if err != nil {
		return err
	}
	kept, err := b.keptSecrets().EnsureSecret(ctx, rpIDSecret, wrapped)
	if err != nil {
		return fmt.Errorf("whether passkeys.rp_id is what it was could not be checked: %w", err)
	}
	stands, err := b.config.ClusterKey.Unwrap("secret "+rpIDSecret, kept)
	if err != nil {
		return err
	}
	if string(stands) != wanted {
		return fmt.Errorf("passkeys.rp_id is %s and was %s: passkeys belong to the domain they were made for, and every one would be lost; set it to %[2]s again", wanted, stands)
	}
	return nil
}
