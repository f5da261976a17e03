# The laboratory for faults, to be sourced after lab.sh: in the place of the cable between the gateways is a namespace, in
# which a program forwards what they send, and records it.
#
#   alpha ═══ port-a  between  port-b ═══ beta

faults_up() {
	lab_up
	ip -n "$(lab_ns alpha)" link del wire0
	lab_add_ns between
	lab_names+=(between)
	lab_add_cable alpha wire0 between port-a
	lab_add_cable beta wire0 between port-b
}

# As TAP: faults injected one after the other.
faults_run() { # OPTION...
	PYTHONPATH=$faults_dir PYTHONDONTWRITEBYTECODE=1 ip netns exec "$(lab_ns between)" /usr/bin/python3 -m faults \
		"$SEALANE" "$lab_dir" "$(lab_ns '')" "$@"
}
