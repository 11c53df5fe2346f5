import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

interface CommandWords {
  readonly name: string
  readonly description: string
  /** What the first argument can be, when it is one of a few words. */
  readonly choices: readonly string[]
  readonly options: readonly { readonly flag: string; readonly description: string }[]
}

/** A script for a shell that completes the commands of `program` and their long options. */
export function renderCompletion(shell: Shell, program: Command): string {
  const commands = program.commands.map(toWords)
  switch (shell) {
    case 'bash':
      return renderBash(commands)
    case 'zsh':
      return renderZsh(commands)
    case 'fish':
      return renderFish(commands)
    default:
      return shell satisfies never
  }
}

function toWords(command: Command): CommandWords {
  const options = command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ long, description }) => (typeof long === 'string' ? [{ flag: long, description }] : []))
  return {
    name: command.name(),
    description: command.description(),
    choices: command.registeredArguments[0]?.argChoices ?? [],
    options: [...options, { flag: '--help', description: 'show help' }],
  }
}

const flags = ({ options }: CommandWords) => options.map(({ flag }) => flag).join(' ')

function renderBash(commands: readonly CommandWords[]): string {
  const cases = commands.map((command) => {
    const choices = command.choices.length === 0 ? '' : ` choices="${command.choices.join(' ')}"`
    return `    ${command.name}) words="${flags(command)}"${choices} ;;`
  })
  return `_umbra() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words choices=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(' ')} help"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
    if [[ "$COMP_CWORD" -eq 2 && "$current" != -* && -n "$choices" ]]; then
      words="$choices"
    elif [[ "$current" != -* ]]; then
      COMPREPLY=($(compgen -f -- "$current"))
      return
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _umbra umbra
`
}

function renderZsh(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`)
  const cases = commands.map((command) => {
    const specs = command.options.map(({ flag, description }) =>
      quote(`${flag}[${bracketless(description)}]`),
    )
    const choices = command.choices.length === 0 ? '' : `'2:action:(${command.choices.join(' ')})' `
    return `    ${command.name}) _arguments ${specs.join(' ')} ${choices}'*:file:_files' ;;`
  })
  return `#compdef umbra
_umbra() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "$words[2]" in
${cases.join('\n')}
  esac
}
compdef _umbra umbra
`
}

function renderFish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, description, choices, options }) => [
    `complete -c umbra -n __fish_use_subcommand -f -a ${name} -d ${quote(description)}`,
    ...choices.map(
      (choice) => `complete -c umbra -n '__fish_seen_subcommand_from ${name}' -f -a ${quote(choice)}`,
    ),
    ...options.map(
      (option) =>
        `complete -c umbra -n '__fish_seen_subcommand_from ${name}' -l ${option.flag.slice(2)} -d ${quote(option.description)}`,
    ),
  ])
  return `${lines.join('\n')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Brackets and colons end a description of zsh's _arguments. */
function bracketless(text: string): string {
  return text.replaceAll(/[[\]:]/g, ' ')
}
