#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A resource that a probe has found running is restarted for any change of its parameters, reloadable or not.
#
# Expectation: an agent that supports reload-agent and says reloadable="1" of a parameter is asked to reload when that parameter changes; the resource is
#              not restarted (Pacemaker Administration, "Reloading an agent after a definition change").
# Behaviour:   so it is until somebody runs --refresh (or Pacemaker is started anew on a node whose resources run on). The probe that finds the resource running is
#              kept a second time, as NAME_last_failure_0, since "not running" would have been expected, and without the digest of what forces a restart. Whatever
#              parameter changes then, the resource is restarted because of that entry. There is no failure that --cleanup could take away.
# Version:     seen with Pacemaker 2.1.5 (Debian 12), on three nodes and with crm_simulate.
# Source:      daemons/controld/controld_execd.c, build_operation_update(), which adds the restart digest, but to the last operation alone;
#              lib/pacemaker/pcmk_sched_actions.c, pcmk__check_action_config().
# Output seen: "as it was started: reload" and "as a probe found it: restart".
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
none=f2317cad3d54cec5d7d7aa7d0bf35cf8          # the digest of no parameters: none forces a restart

entry() # ID TASK EXIT EXPECTED MORE
{
	echo "<lrm_rsc_op id=\"r_$1\" operation_key=\"r_$2_0\" operation=\"$2\" transition-key=\"3:3:$4:00000000-0000-0000-0000-000000000000\"" \
		"transition-magic=\"0:$3;3:3:$4:00000000-0000-0000-0000-000000000000\" call-id=\"3\" rc-code=\"$3\" op-status=\"0\" interval=\"0\" crm_feature_set=\"3.16.1\"" \
		"op-digest=\"0123456789abcdef0123456789abcdef\" $5/>"
}

cluster() # start|probe
{
	cat <<-END
	<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="5" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1"><configuration>
	<crm_config><cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
	<nodes><node id="1" uname="n1"/></nodes>
	<resources><primitive id="r" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="r-i"><nvpair id="r-i-f" name="fake" value="changed"/></instance_attributes>
	</primitive></resources><constraints/></configuration><status>
	<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources>
	<lrm_resource id="r" type="Dummy" class="ocf" provider="pacemaker">
	END
	if [[ $1 == start ]]; then
		entry last_0 start 0 0 "op-force-restart=\"\" op-restart-digest=\"$none\""
	else
		entry last_0 monitor 0 7 "op-force-restart=\"\" op-restart-digest=\"$none\""
		entry last_failure_0 monitor 0 7 ""
	fi
	echo '</lrm_resource></lrm_resources></lrm></node_state></status></cib>'
}

for how in start probe; do
	cluster $how > "$work/cib.xml"
	crm_simulate --simulate --xml-file "$work/cib.xml" > "$work/$how" 2>&1
done
echo "as it was started: $(grep -oE '\* (Reload|Restart) ' "$work/start" | tr -d '* ')"
echo "as a probe found it: $(grep -oE '\* (Reload|Restart) ' "$work/probe" | tr -d '* ')"
grep -q '\* Reload' "$work/start"
grep -q '\* Restart' "$work/probe"
