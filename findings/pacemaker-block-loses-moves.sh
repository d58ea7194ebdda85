#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# multiple-active=block blocks every live migration during which the cluster has to plan anew.
#
# Expectation: multiple-active says what to do with a resource that is active on more than one node and should not be ("block: mark the resource as
#              unmanaged", Pacemaker Explained). It is the careful choice for what must not be stopped. A migration that is under way is none of its business.
# Behaviour:   between the end of migrate_to and that of migrate_from the resource counts as active on both nodes. If the cluster plans anew then (any change of
#              the configuration, another resource's failure, a node that joins), "block" takes hold: migrate_from and the source's stop are never scheduled, and
#              the resource stays unmanaged until somebody asks for a --refresh; --cleanup does not help, for nothing has failed. With stop_start
#              (the default) and stop_unexpected the migration just goes on.
# Version:     seen with Pacemaker 2.1.5 (Debian 12), on three nodes and with crm_simulate.
# Source:      lib/pengine/native.c, native_add_running(): recovery_block is applied as soon as a resource has two nodes, partial migration or not.
# Output seen: "block: blocked," and, for both others, "migrate_from on n2,stop on n1,".
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# A resource that has been sent from n1 (migrate_to succeeded); n2 has not been asked yet whether it came.
cluster() # MULTIPLE-ACTIVE
{
	cat <<-END
	<cib crm_feature_set="3.13.0" validate-with="pacemaker-3.7" epoch="5" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="2"><configuration>
	<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
	<nodes><node id="1" uname="n1"><instance_attributes id="a1"><nvpair id="a1-s" name="standby" value="on"/></instance_attributes></node><node id="2" uname="n2"/></nodes>
	<resources><primitive id="r" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes id="r-m"><nvpair id="r-m-a" name="allow-migrate" value="true"/>
	<nvpair id="r-m-m" name="multiple-active" value="$1"/></meta_attributes></primitive></resources><constraints/></configuration><status>
	END
	for n in 1 2; do
		echo "<node_state id=\"$n\" uname=\"n$n\" in_ccm=\"true\" crmd=\"online\" join=\"member\" expected=\"member\"><lrm id=\"$n\"><lrm_resources>"
		echo "<lrm_resource id=\"r\" type=\"Dummy\" class=\"ocf\" provider=\"pacemaker\">"
		if [[ $n -eq 1 ]]; then
			operation start 0 0 1
			operation migrate_to 0 0 2 'migrate_source="n1" migrate_target="n2"'
		else
			operation monitor 7 7 1
		fi
		echo '</lrm_resource></lrm_resources></lrm></node_state>'
	done
	echo '</status></cib>'
}

operation() # TASK EXIT EXPECTED CALL [MORE]
{
	echo "<lrm_rsc_op id=\"r_$1\" operation_key=\"r_$1_0\" operation=\"$1\" transition-key=\"$4:$4:$3:00000000-0000-0000-0000-000000000000\"" \
		"transition-magic=\"0:$2;$4:$4:$3:00000000-0000-0000-0000-000000000000\" call-id=\"$4\" rc-code=\"$2\" op-status=\"0\" interval=\"0\" crm_feature_set=\"3.13.0\" ${5:-}/>"
}

for choice in block stop_start stop_unexpected; do
	cluster $choice > "$work/cib.xml"
	crm_simulate --simulate --xml-file "$work/cib.xml" > "$work/$choice" 2>&1
	echo "$choice: $(grep -oE '(migrate_from|stop) on n[12]|blocked' "$work/$choice" | sort -u | tr '\n' ',')"
done
grep -q blocked "$work/block"
if grep -q migrate_from "$work/block"; then echo "this has changed: block lets a migration go on"; exit 1; fi
grep -q migrate_from "$work/stop_start"
grep -q migrate_from "$work/stop_unexpected"
