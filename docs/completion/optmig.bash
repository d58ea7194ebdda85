# SPDX-License-Identifier: Apache-2.0
# Completion for bash. Commands and options are asked of the program itself, so they are never out of date.
_optmig()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} i
	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "help --version $(optmig help 2> /dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
		return
	fi
	if [[ $command == run ]]; then
		# After the program's name everything is the program's.
		for ((i = 2; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -* ]] || { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; }
		done
	fi
	if [[ $command == unit ]]; then
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--help $(optmig unit --help 2> /dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
		elif [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(optmig unit --help 2> /dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)" -- "$cur")
		elif [[ ${COMP_WORDS[2]} == define ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -W "$(optmig unit ls 2> /dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")
		fi
		return
	fi
	if [[ $command == image ]]; then
		local verb=${COMP_WORDS[2]}
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--help $(optmig image --help 2> /dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
			return
		fi
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(optmig image "$verb" --help 2> /dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)" -- "$cur")
			return
		fi
		case $verb in
		rm | verify)
			mapfile -t COMPREPLY < <(compgen -W "$(optmig image ls 2> /dev/null | awk 'NR > 1 { print $1, $2 }')" -- "$cur") ;;
		*)
			case ${COMP_WORDS[COMP_CWORD - 1]} in
			--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
			*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
			esac ;;
		esac
		return
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(optmig "$command" --help 2> /dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)" -- "$cur")
		return
	fi
	if [[ $command == ticket && $COMP_CWORD -eq 2 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(optmig ticket --help 2> /dev/null | sed -nE 's/^(usage:)? +optmig ticket ([a-z]+) .*/\2/p' | sort -u)" -- "$cur")
		return
	fi
	case $command in
	cluster)
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(optmig cluster help 2> /dev/null | sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$cur")
		else
			case ${COMP_WORDS[2]} in
			plan | drain | undrain) mapfile -t COMPREPLY < <(compgen -W "$(crm_node --list 2> /dev/null | awk '{ print $2 }')" -- "$cur") ;;
			rm | fresh) mapfile -t COMPREPLY < <(compgen -W "$(crm_resource --list-raw 2> /dev/null)" -- "$cur") ;;
			*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
			esac
		fi ;;
	peer)
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "add ls rm" -- "$cur")
		elif [[ ${COMP_WORDS[2]} == rm ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(optmig peer ls 2> /dev/null)" -- "$cur")
		fi ;;
	hostkey) ;;
	file)
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "cat put ls" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	guest)
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "build measure ls exec" -- "$cur")
		elif [[ ${COMP_WORDS[2]} == exec && $COMP_CWORD -eq 3 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(optmig guest ls 2> /dev/null)" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	collateral)
		if [[ $COMP_CWORD -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "fetch show import export" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	gdb)
		mapfile -t COMPREPLY < <(compgen -W "$(optmig ps 2> /dev/null | awk 'NR > 1 { print $1, $2 }')" -- "$cur"; compgen -f -- "$cur") ;;
	migrate | status | cancel | postcopy | check | recover | report | evidence)
		mapfile -t COMPREPLY < <(compgen -W "$(optmig ps 2> /dev/null | awk 'NR > 1 { print $1, $2 }')" -- "$cur") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _optmig optmig

_optmig_sign()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--help $(optmig-sign --help 2> /dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _optmig_sign optmig-sign
