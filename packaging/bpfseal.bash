# SPDX-License-Identifier: Apache-2.0
# Completion for bash. Commands and options are asked of bpfseal itself, so that there is no list here to grow old.

# The commands of one program, one a line: "map get", "map set", ...
_bpfseal_commands()
{
	bpfseal "$1" --help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z0-9-]*\( [a-z0-9-]*\)\{0,1\}\)  .*/\1/p'
}

_bpfseal()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local words=()

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(bpfseal --help | sed -n 's/^  \([a-z]*\)  .*/\1/p') --help --version" -- "$word")
		return
	fi
	# The second word of a command that has two.
	mapfile -t words < <(_bpfseal_commands "$command" | sed -n "s/^$command //p")
	if ((${#words[@]})); then
		if ((COMP_CWORD == 2)) && [[ $word != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$word")
			return
		fi
		command="$command ${COMP_WORDS[2]}"
	fi
	case $before in
	--interface)
		mapfile -t COMPREPLY < <(compgen -W "$(cd /sys/class/net 2>/dev/null && echo *)" -- "$word")
		return
		;;
	--hook)
		mapfile -t COMPREPLY < <(compgen -W 'xdp tc_ingress tc_egress' -- "$word")
		return
		;;
	esac
	if [[ $word == -* ]]; then
		# shellcheck disable=SC2086 # a command of two words is two words
		mapfile -t COMPREPLY < <(compgen -W "$(bpfseal $command --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p')" -- "$word")
		return
	fi
	case $command in
	unload | rollback)
		mapfile -t COMPREPLY < <(compgen -W "$(cd /sys/class/net 2>/dev/null && echo *)" -- "$word")
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	esac
}
complete -o filenames -F _bpfseal bpfseal
