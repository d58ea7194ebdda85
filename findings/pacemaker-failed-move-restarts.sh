#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A live migration that fails ends a resource that still runs where it was.
#
# Expectation: migrate_to "failed" means that the resource did not move. It runs on its source; there is nothing to recover.
# Behaviour:   by default (on-fail=restart) the cluster stops it on both nodes and starts it afresh, on the target: what was in its memory is gone, 60 ms after
#              a move that had changed nothing. on-fail=block for migrate_to leaves it alone; the resource then counts as failed on source and target until a
#              --refresh.
# Version:     seen with Pacemaker 2.1.5 (Debian 12), on three nodes and with crm_simulate.
# Source:      Pacemaker Explained, "on-fail": the default for all operations but stop and demote is restart; lib/pengine/unpack.c, unpack_migrate_to_failure().
# Output seen: "restart: stop on n2,stop on n1,start on n2," and "block: ".
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

operation() # TASK EXIT EXPECTED CALL [MORE]
{
	echo "<lrm_rsc_op id=\"r_$1\" operation_key=\"r_$1_0\" operation=\"$1\" transition-key=\"$4:$4:$3:00000000-0000-0000-0000-000000000000\"" \
		"transition-magic=\"0:$2;$4:$4:$3:00000000-0000-0000-0000-000000000000\" call-id=\"$4\" rc-code=\"$2\" op-status=\"0\" interval=\"0\" crm_feature_set=\"3.13.0\" ${5:-}/>"
}

cluster() # ON-FAIL
{
	cat <<-END
	<cib crm_feature_set="3.13.0" validate-with="pacemaker-3.7" epoch="5" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="2"><configuration>
	<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
	<nodes><node id="1" uname="n1"><instance_attributes id="a1"><nvpair id="a1-s" name="standby" value="on"/></instance_attributes></node><node id="2" uname="n2"/></nodes>
	<resources><primitive id="r" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes id="r-m"><nvpair id="r-m-a" name="allow-migrate" value="true"/></meta_attributes>
	<operations><op id="r-t" name="migrate_to" interval="0" on-fail="$1"/></operations></primitive></resources><constraints/></configuration><status>
	END
	for n in 1 2; do
		echo "<node_state id=\"$n\" uname=\"n$n\" in_ccm=\"true\" crmd=\"online\" join=\"member\" expected=\"member\"><lrm id=\"$n\"><lrm_resources>"
		echo "<lrm_resource id=\"r\" type=\"Dummy\" class=\"ocf\" provider=\"pacemaker\">"
		if [[ $n -eq 1 ]]; then
			operation start 0 0 1
			operation migrate_to 1 0 2 'migrate_source="n1" migrate_target="n2"'
		else
			operation monitor 7 7 1
		fi
		echo '</lrm_resource></lrm_resources></lrm></node_state>'
	done
	echo '</status></cib>'
}

for choice in restart block; do
	cluster $choice > "$work/cib.xml"
	crm_simulate --simulate --xml-file "$work/cib.xml" > "$work/$choice" 2>&1
	echo "$choice: $(grep -oE '(stop|start) on n[12]' "$work/$choice" | tr '\n' ',')"
done
grep -q 'stop on n1' "$work/restart"
grep -q 'start on n2' "$work/restart"
if grep -qE '(stop|start) on' "$work/block"; then echo "this has changed"; exit 1; fi
