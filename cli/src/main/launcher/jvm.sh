# Sourced by ./tokenformer: starts the JVM, and tells in one line why it does not start.

# Sets jars to the folder of the image, and class_path to its jars. Colons separate the entries of that, so a
# folder whose name has one is named by a descriptor (Linux).
set_class_path() {
  jars=$image
  case $image in
    *:*)
      exec 9<"$image"
      jars=/proc/self/fd/9
      if [ ! -d $jars/ ]; then
        echo "error: $root: Java cannot load classes from a folder whose name has a colon; rename the folder" >&2
        return 2
      fi
      ;;
  esac
  class_path=''
  for jar in "$jars"/*.jar; do
    class_path=${class_path:+$class_path:}$jar
  done
}

# OPTION... MAIN ARGUMENT...: becomes the JVM.
start_jvm() {
  set -f # no file names for the asterisks of options
  exec "$JAVA_HOME/bin/java" $jvm_options $collector $vector_module \
    ${archive:+"-XX:SharedArchiveFile=$jars/${archive#"$image"/}"} \
    "-Dtokenformer.default.model=$root/cli/src/main/storyteller" ${TF_JAVA_OPTS:-} -cp "$class_path" "$@"
}

# VIRTUAL DATA FILES [PROCESSES], the limits of this process: whether the JVM may fail to start.
in_doubt() {
  [ -n "$user_options" ] || [ -z "$tf_modules" ] || [ ! -p /proc/self/fd/4 ] || [ "$1$2" != unlimitedunlimited ] ||
    is_below "$3" 200 || is_below "${4:-unlimited}" 1000
}
is_below() {
  [ "$1" != unlimited ] && [ "$1" -lt "$2" ]
}

# Starts a JVM that only says so. If that fails, leaves out what the user's options or the JDK do not allow, or
# prints the reason.
check_jvm() {
  fit_address_space "$(ulimit -v)" || return
  case $user_options in *jdwp*) return 0 ;; esac # would wait for a debugger
  while :; do
    status=0
    said=$(start_jvm -XX:ErrorFile=/dev/null -XX:-CreateCoredumpOnCrash org.tokenformer.cli.StartCheck \
      </dev/null 2>&1 3>&- 4<&-) || status=$?
    case $said in
      *'the JVM has started'*) return 0 ;;
      *'Multiple garbage collectors selected'*)
        [ -n "$collector" ] || break
        collector=''
        ;;
      *'Module jdk.incubator.vector not found'*)
        [ -n "$vector_module" ] || break
        vector_module=''
        ;;
      *) break ;;
    esac
  done
  said=$(printf '%s\n' "$said" | one_line)
  if [ "$status" -eq 0 ]; then
    said='it ended before' # as after -version
  elif [ "$status" -gt 128 ]; then
    said="${said:+$said; }it was ended by signal $((status - 128))"
  fi
  echo "error: the JVM does not start the program: ${said:-it ended with exit code $status}$(what_to_do)" >&2
  return 2
}

# KILOBYTES: fits what the JVM reserves into the address space that a process may have.
fit_address_space() {
  [ "$1" != unlimited ] || return 0
  if [ "$1" -lt 1000000 ]; then
    echo "error: the address space of a process is limited to $1 kB, the program needs 1000000 kB; raise the limit with ulimit -v" >&2
    return 2
  fi
  export MALLOC_ARENA_MAX=2 # each arena reserves 64 MB
  jvm_options="$jvm_options -XX:CompressedClassSpaceSize=32m -XX:ReservedCodeCacheSize=48m"
  case $user_options in
    *-Xmx* | *HeapSize* | *MaxRAM*) ;;
    *) jvm_options="$jvm_options -Xmx$(($1 / 4096))m" ;;
  esac
}

what_to_do() {
  if [ -n "$user_options" ]; then
    settings=''
    for name in TF_JAVA_OPTS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS; do
      eval "value=\${$name:-}"
      [ -z "$value" ] || settings="${settings:+$settings, }$name=$value"
    done
    printf '; check %s' "$settings"
  else
    printf '; check the limits of this process (ulimit -a), free memory and %s' "$JAVA_HOME"
  fi
}

# Joins what a JVM printed into one line, without notices and what every report says.
one_line() {
  text='' lines=0
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line#'#'}
    line=${line# }
    case $line in
      '' | *' VM warning: INFO: os::'* | *'Picked up '* | 'WARNING: Using incubator modules'* | *'A fatal error has been detected'*) continue ;;
      'An error report file'* | /dev/null) continue ;;
      'Error: Could not create the Java'* | 'Error: A fatal exception'* | 'Error occurred during init'*) continue ;;
    esac
    [ "$lines" -lt 3 ] || continue
    text=${text:+$text; }${line#'Error: '}
    lines=$((lines + 1))
  done
  printf '%s' "$text"
}

# Passes on what the JVM itself prints. That is what the user's options ask for or, without any, an error.
filter_jvm_output() {
  if [ -n "$user_options" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in
        *'Picked up '*_OPTIONS:* | 'WARNING: Using incubator modules'*) ;;
        *) printf '%s\n' "$line" ;;
      esac
    done
  else
    said=$(one_line)
    [ -z "$said" ] || echo "error: the JVM failed: $said$(what_to_do)"
  fi
}
