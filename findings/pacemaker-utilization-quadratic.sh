#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# With utilization the scheduler's time grows with the square of the number of resources, on each node that they may use.
#
# Expectation: twice as many resources on the same nodes take about twice the time.
# Behaviour:   so it is with placement-strategy=default. With utilization every resource's start is ordered after a "load_stopped" action of each node that the resource may
#              use, and before an order is noted all that are noted for that action are walked through, to see whether it is there. Nodes that a rule excludes count, too;
#              those that an asymmetric cluster (symmetric-cluster=false) does not allow do not: with five pools of 20 nodes the plan of 100 nodes and 2,000 resources
#              takes 5.6 s of processors in place of 36.
# Version:     seen with Pacemaker 2.1.5 (Debian 12).
# Source:      lib/pacemaker/pcmk_sched_utilization.c, pcmk__create_utilization_constraints(); lib/pengine/pe_actions.c, order_actions().
# Output seen: default 0.3 and 0.7 s, 2.2 times; utilization 0.9 and 4.6 s, 5.3 times (what is walked through does not fit into caches any more)
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
nodes=10

cluster() # RESOURCES STRATEGY
{
	awk -v count="$1" -v strategy="$2" -v nodes=$nodes 'BEGIN {
		key = "1:1:0:00000000-0000-0000-0000-000000000000"
		print "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"1\" admin_epoch=\"0\" have-quorum=\"1\" dc-uuid=\"1\"><configuration>"
		print "<crm_config><cluster_property_set id=\"o\"><nvpair id=\"o-s\" name=\"stonith-enabled\" value=\"false\"/><nvpair id=\"o-p\" name=\"enable-startup-probes\" value=\"false\"/>"
		print "<nvpair id=\"o-u\" name=\"placement-strategy\" value=\"" strategy "\"/></cluster_property_set></crm_config><nodes>"
		for (n = 1; n <= nodes; n++)
			print "<node id=\"" n "\" uname=\"n" n "\"><utilization id=\"u" n "\"><nvpair id=\"u" n "-m\" name=\"memory\" value=\"1000000\"/></utilization></node>"
		print "</nodes><resources>"
		for (r = 1; r <= count; r++)
			print "<primitive id=\"r" r "\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"><utilization id=\"r" r "-u\"><nvpair id=\"r" r "-m\" name=\"memory\" value=\"1\"/></utilization></primitive>"
		print "</resources><constraints/></configuration><status>"
		for (n = 1; n <= nodes; n++) {
			print "<node_state id=\"" n "\" uname=\"n" n "\" in_ccm=\"true\" crmd=\"online\" join=\"member\" expected=\"member\"><lrm id=\"" n "\"><lrm_resources>"
			for (r = n; r <= count; r += nodes)
				print "<lrm_resource id=\"r" r "\" type=\"Dummy\" class=\"ocf\" provider=\"pacemaker\"><lrm_rsc_op id=\"r" r "_last_0\" operation_key=\"r" r "_start_0\" operation=\"start\" " \
					"crm_feature_set=\"3.16.1\" transition-key=\"" key "\" transition-magic=\"0:0;" key "\" call-id=\"1\" rc-code=\"0\" op-status=\"0\" interval=\"0\" " \
					"op-digest=\"f2317cad3d54cec5d7d7aa7d0bf35cf8\"/></lrm_resource>"
			print "</lrm_resources></lrm></node_state>"
		}
		print "</status></cib>"
	}'
}

seconds() # RESOURCES STRATEGY: of processors
{
	cluster "$1" "$2" > "$work/cib.xml"
	( TIMEFORMAT=%U; time crm_simulate --run --xml-file "$work/cib.xml" > "$work/said" 2>&1 ) 2>&1
}

for strategy in default utilization; do
	once=$(seconds 1500 $strategy)
	twice=$(seconds 3000 $strategy)
	times=$(awk -v a="$once" -v b="$twice" 'BEGIN { printf "%.1f", b / a }')
	echo "$strategy: $once s for 1500 resources, $twice s for 3000: $times times"
	declare "$strategy=$times"
done
awk -v d="$default" -v u="$utilization" 'BEGIN { exit !(u > d + 0.5 && u > 2.5) }'
