# strongSwan's charon as the gateway beta of the laboratory, for tests/interop; source it after scripts/lab.sh. It runs in
# the namespace beta with ESP of its own in user space (kernel-libipsec), and host B is an address on its loopback.
#
#   charon_make_key            its Ed25519 key; each end's public key in the form of the other
#   charon_configure           writes its configuration; what differs from the usual stands before the call:
#                                  charon_esp=aes128gcm16-noesn charon_configure
#   charon_start               starts it with that; its log is $lab_dir/beta/log; lab_kill and lab_stop end it
#   charon_ctl ARGUMENTS...    swanctl
#   charon_installed N         it has exactly N established IKE SAs and N installed child SAs
#   charon_packets             packets of its child SA, in and out
#
# Settings:
charon_ike_default=aes256gcm16-prfsha256-x25519 # charon_ike: proposals for IKE
charon_esp_default=aes256gcm16-noesn            # charon_esp: for ESP; libipsec has 32-bit sequence numbers only
# charon_local_ts, charon_remote_ts: 10.2.0.0/16, 10.1.0.0/16
# charon_local_addrs, charon_remote_addrs: 192.0.2.2, 192.0.2.1
# charon_dpd: 0s; seconds without a sign of life before it asks
# charon_conn, charon_child: more lines of the connection, of its child
# charon_children: more sections beside that child
# charon_options: more lines of strongswan.conf's charon section
# charon_secrets: more sections of the secrets

charon_plugins="random nonce openssl curve25519 sha2 hmac kdf gcm aes pem pkcs1 pkcs8 pubkey x509 kernel-libipsec
	kernel-netlink socket-default updown vici"

# Copies: where AppArmor guards the packaged programs, it would keep them from our files.
charon_make_key() {
	local dir=$lab_dir/beta
	mkdir -p "$dir"/swanctl/{private,pubkey}
	cp /usr/sbin/charon-systemd "$dir/charon"
	cp /usr/sbin/swanctl "$dir/swanctl.bin"
	(umask 077 && pki --gen --type ed25519 --outform pem >"$dir/swanctl/private/beta.pem") 2>/dev/null
	pki --pub --type priv --in "$dir/swanctl/private/beta.pem" --outform pem >"$dir/swanctl/pubkey/beta.pem" 2>/dev/null
	"$SEALANE" pubkey --pem <"$lab_dir/alpha/gateway.key" >"$dir/swanctl/pubkey/alpha.pem"
	charon_key_line "$dir/swanctl/pubkey/beta.pem" >"$dir/gateway.pub"
}

# The public key in a SubjectPublicKeyInfo is its last 32 bytes (RFC 8410 4).
charon_key_line() { openssl pkey -pubin -in "$1" -outform DER | tail -c 32 | base64; } # PEM-FILE

charon_configure() {
	local dir=$lab_dir/beta
	cat >"$dir/strongswan.conf" <<-CONF
		charon-systemd {
			load = $(tr -s '\n\t' ' ' <<<"$charon_plugins")
			# libipsec parks several of them
			threads = 24
			# gives up after 2.5 s
			retransmit_timeout = 0.4
			retransmit_base = 1.3
			retransmit_tries = 3
			journal {
				default = -1
			}
			filelog {
				log {
					path = $dir/log
					append = yes
					flush_line = yes
					default = 1
					ike = 2
				}
			}
			plugins {
				vici {
					socket = unix://$dir/charon.vici
				}
				kernel-libipsec {
					load = yes
				}
			}
			${charon_options:-}
		}
		swanctl {
			load = pem pkcs1 pkcs8 pubkey x509 openssl curve25519 random sha2
		}
	CONF
	cat >"$dir/swanctl/swanctl.conf" <<-CONF
		connections {
			gw {
				version = 2
				local_addrs = ${charon_local_addrs:-192.0.2.2}
				remote_addrs = ${charon_remote_addrs:-192.0.2.1}
				proposals = ${charon_ike:-$charon_ike_default}
				encap = yes
				mobike = no
				dpd_delay = ${charon_dpd:-0s}
				${charon_conn:-}
				local-1 {
					auth = pubkey
					pubkeys = beta.pem
					id = beta.example
				}
				remote-1 {
					auth = pubkey
					pubkeys = alpha.pem
					id = alpha.example
				}
				children {
					net {
						local_ts = ${charon_local_ts:-10.2.0.0/16}
						remote_ts = ${charon_remote_ts:-10.1.0.0/16}
						esp_proposals = ${charon_esp:-$charon_esp_default}
						mode = tunnel
						${charon_child:-}
					}
					${charon_children:-}
				}
			}
		}
		secrets {
			${charon_secrets:-}
		}
	CONF
}

charon_start() {
	local dir=$lab_dir/beta
	rm -f "$dir/charon.vici"
	STRONGSWAN_CONF=$dir/strongswan.conf SWANCTL_DIR=$dir/swanctl \
		ip netns exec "$(lab_ns beta)" "$dir/charon" </dev/null >>"$dir/stdout.log" 2>&1 &
	echo $! >"$dir/pid"
	lab_wait_for "charon listens" 10 test -S "$dir/charon.vici"
	charon_ctl --load-all >"$dir/load.log" 2>&1 || { cat "$dir/load.log" >&2 && return 1; }
}

# A swanctl that waits for a charon that does not answer would wait for ever.
charon_ctl() {
	local dir=$lab_dir/beta
	STRONGSWAN_CONF=$dir/strongswan.conf SWANCTL_DIR=$dir/swanctl \
		timeout 15 "$dir/swanctl.bin" "$@" --uri "unix://$dir/charon.vici"
}

charon_installed() { # N
	local sas
	sas=$(charon_ctl --list-sas)
	echo "$sas"
	[ "$(grep -c ' ESTABLISHED,' <<<"$sas")" = "$1" ] && [ "$(grep -c ' INSTALLED,' <<<"$sas")" = "$1" ]
}

# What its child SA has opened and sealed so far: "22 22".
charon_packets() { charon_ctl --list-sas | sed -nE 's/^ *(in|out) .* ([0-9]+) packets.*/\2/p' | paste -sd ' '; }
