# The rest of what goes wrong between a host and Azure, for azure.sh: a person's own login, tokens that end, clocks that are off, a metadata service that is slow
# or not there, and servers that are somebody else, for those who act and who ask about texts.
# shellcheck shell=bash disable=SC2016,SC2154

# As a person who is logged in to the Azure CLI: what stands for it says what the metadata service says.
mkdir -p "$stage/cli"
mount -t tmpfs -o mode=0755 layers "$stage/cli"
mkdir "$stage/cli/upper" "$stage/cli/work" "$stage/cli/first"
mount -t overlay overlay -o "lowerdir=/usr/bin,upperdir=$stage/cli/upper,workdir=$stage/cli/work" /usr/bin
cat >/usr/bin/az <<AZ
#!/bin/bash
state='$stage/cli'
AZ
cat >>/usr/bin/az <<'AZ'
[ "$1 $2 $3 $4 $5" = 'account get-access-token -o json --scope' ] || { echo "az: it does not know $*" >&2; exit 2; }
[ ! -e "$state/out" ] || { echo 'ERROR: Please run: az login' >&2; exit 1; }
curl -sS --fail -H 'Metadata: true' "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${6%/.default}" |
  jq '{accessToken: .access_token, expires_on: (.expires_on | tonumber), tokenType: "Bearer"}'
AZ
# What a shell would find first.
printf '#!/bin/bash\ntouch "%s/cli/found"\nexit 1\n' "$stage" >"$stage/cli/first/az"
chmod 0755 /usr/bin/az "$stage/cli/first/az"
told '{}'
gate @kv:smtp
vaults 'credentials = ["cli"]'
it "a person who is logged in to the Azure CLI opens the vault" env PATH="$stage/cli/first:$PATH" bash -c "$(declare -f fetch); stage=$stage bin=$bin fetch"
it "by no other az than the installed one" fails test -e "$stage/cli/found"
it "which is said" says 'as Azure CLI'
touch "$stage/cli/out"
it "one who is not does not" eval '! env PATH="$stage/cli/first:$PATH" bash -c "$(declare -f fetch); stage=$stage bin=$bin fetch" >/dev/null && says "Azure CLI: "'
umount -l /usr/bin "$stage/cli"
vaults

# Who acts.
mkdir -p "$stage/layers"
mount -t tmpfs -o mode=0755 layers "$stage/layers"
mkdir "$stage/layers/upper" "$stage/layers/work"
chmod 0755 "$stage/layers/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$stage/layers/upper,workdir=$stage/layers/work" /etc
mount --bind "$stage/hosts" /etc/hosts
mkdir -p /etc/reeve
acts_by() { printf '[subscriptions]\nmain = "%s"\n[azure]\ncredentials = ["managed"]\nca = "%s"\npatience = "8s"\n' "$tenant" "$1" >/etc/reeve/azure.toml; }
acts_by "$stage/ca.crt"
tokens() { grep -c '^GET 169.254.169.254/metadata/identity/oauth2/token' "$stage/requests.log" || true; }
told '{"token_seconds": 2}'
before=$(tokens)
it "a token that ends while something at Azure takes its time is followed by another" asked scale main rg shop 4 7
it "for which was asked" test "$(tokens)" -gt "$((before + 1))"
asked app main rg shop
it "and it is done once" same "(4, 7)" "$(told_of '(answer["app"]["min"], answer["app"]["max"])')"
told '{"skew_seconds": -7200}'
it "a clock that is two hours off keeps nobody from reading" asked groups main
told '{"skew_seconds": 7200}'
it "in either direction" asked groups main
told '{"imds": "slow"}'
it "a metadata service that does not answer is not waited for" ends_with 21 groups main
it "and it is said" why 'managed identity: no answer within'
told '{}'
ip address del 169.254.169.254/32 dev lo
it "nor is one that is not there" ends_with 21 groups main
ip address add 169.254.169.254/32 dev lo
acts_by "$stage/other-ca.crt"
asks_before=$(grep -c management.azure.com "$stage/requests.log" || true)
it "a manager whose certificate is from somebody else is not asked" ends_with 22 groups main
it "and hears no token" same "$asks_before" "$(grep -c management.azure.com "$stage/requests.log" || true)"
umount /etc/hosts /etc "$stage/layers"

# Who asks about texts.
told '{"token_seconds": 2}'
patience 10s
it "it is asked with a token that ends soon" asks
it "which is good for now" same "0 clean - 1 0" "$(tried 'while it is good')"
sleep 3
it "and once it has ended another comes" same "0 clean - 1 0" "$(tried 'when it has ended')"
told '{"skew_seconds": -7200}'
it "it is asked by a clock that is two hours off" asks
it "which keeps no text from being judged" same "3 attack - 1 0" "$(tried "$attack")"
it "as whom is said" eval 'timeout 30 "$bin/reeve" shields try --gate "$stage/gate-shields.toml" farewell >"$stage/out" 2>&1; says "as managed identity"'
it "and logged" grep -q 'who this host is to Azure is known.*managed identity' "$stage/all.log"
told '{"imds": "slow"}'
patience 3s
it "it is asked while the metadata service is slow" asks
it "and waits no longer than the gate does" eval 'came=$(tried "slow to say who"); [[ $came == "1 unsure timeout "* || $came == "1 unsure no_token "* ]] || { echo "$came"; return 1; }'
told '{}'
ends
