# Sourced by ./tokenformer when there is no image of the present sources, or no class archive for this JDK.

make_image() {
  if [ ! -w "$target" ] && { [ -d "$target" ] || ! mkdir "$target" 2>/dev/null; }; then
    use_what_is_there
    return
  fi
  lock_builds || return
  status=0
  image_is_current || { build_jars && assemble; } || status=$?
  [ "$status" -ne 0 ] || has_archive || make_archive
  exec 8>&-
  return "$status"
}

# A checkout that is read-only or another user's: the program runs without a class archive, though a little slower.
use_what_is_there() {
  if ! read_image; then
    echo "error: $target cannot be written, so the program cannot be built there; let its owner run ./tokenformer --version" >&2
    return 2
  fi
  if sources_newer_than "$image/built"; then
    echo "note: the sources are newer than the program, which cannot be built again: $target cannot be written" >&2
  fi
  has_archive || true
}

# A lock that the kernel releases when its owners have ended, whatever ended them. A build that lost its
# launcher owns it, too.
lock_builds() {
  exec 8>"$target/build.lock"
  waited=0
  until try_lock; do
    if [ "$waited" -ge 900 ]; then
      echo "error: another build has been running for 15 minutes (log: $target/build.log); end it and try again" >&2
      return 2
    fi
    [ "$waited" -gt 0 ] || echo "tokenformer: waiting for another build (log: $target/build.log)..." >&2
    sleep 1
    waited=$((waited + 1))
  done
}
try_lock() {
  if command -v flock >/dev/null; then
    flock -n 8
  elif command -v perl >/dev/null; then # macOS
    perl -e 'open(my $lock, ">&=8") && flock($lock, 6) or exit 1'
  fi
}

# Runs Maven, unless somebody's ./build already left jars that are newer than the sources. That of the commands is
# written last.
build_jars() {
  jar=''
  for jar in "$target"/lib/tokenformer-cli-*.jar; do :; done
  if [ -f "$jar" ] && ! sources_newer_than "$jar" && "$JAVA_HOME/bin/jar" -tf "$jar" >/dev/null 2>&1; then
    touch -r "$jar" "$target/build-start"
    return 0
  fi
  said=$("$JAVA_HOME/bin/java" -version 2>&1) || {
    echo "error: the JVM does not start: $(printf '%s\n' "$said" | one_line)$(what_to_do)" >&2
    return 2
  }
  if [ -f "$target/build-start" ]; then # left by a build that was interrupted
    rm -rf "$root"/engine/target/classes "$root"/tokenizer/target/classes "$target/classes"
  fi
  log=$target/build.log
  echo "tokenformer: building (log: $log)..." >&2
  : >"$target/build-start"
  rm -rf "$target/lib" # jars of former dependencies would stay on the class path
  built=''
  case $root in
    *:*) built=$(copy_sources) || return ;; # javac takes a colon for the end of a folder
  esac
  if ! "${built:-$root}/build" -q -Dmaven.test.skip=true -pl cli -am package >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "error: the build failed; the whole log is $log" >&2
    return 1
  fi
  [ -z "$built" ] || { mv "$built/cli/target/lib" "$target/lib" && rm -rf "$built"; }
}

copy_sources() {
  copy=$(mktemp -d "${TMPDIR:-/tmp}/tokenformer-build-XXXXXX") || return
  (
    cd "$root" || exit
    for file in build find-jdk.sh pom.xml */pom.xml */src/main; do
      mkdir -p "$copy/$(dirname "$file")" && cp -R "$file" "$copy/$file" || exit
    done
  ) && printf '%s' "$copy"
}

# Nothing counts before "current" names it, so this may end at any point.
assemble() {
  former=''
  [ ! -f "$target/current" ] || read -r former <"$target/current" || true
  name=image-$(date +%Y%m%d%H%M%S)-$$
  image=$target/$name
  for old in "$target"/image-*; do # a program still running from the former image keeps it until the next build
    [ ! -d "$old" ] || [ "$old" = "$target/$former" ] || rm -rf "$old"
  done
  mkdir "$image" && cp "$target"/lib/*.jar "$image/" || return
  modernise >"$target/image.log" 2>&1 </dev/null || true
  mv "$target/build-start" "$image/built" || return
  has_archive || make_archive
  printf '%s\n' "$name" >"$target/current.new" && mv -f "$target/current.new" "$target/current"
}

# The class archive cannot contain the old format of picocli's class files. The program also works with the original.
modernise() {
  for jar in "$image"/picocli-*.jar; do
    "$JAVA_HOME/bin/java" "$launcher/ModernClassFiles.java" "$jar" "$jar.new" && mv "$jar.new" "$jar" || rm -f "$jar.new"
  done
}

# Class data sharing: stores the classes that trial runs load, parsed and verified. The trial runs do what
# users do first: read the help, import a model, generate text. Without the archive the program only starts more
# slowly, so a failure here is ignored.
make_archive() {
  echo "tokenformer: preparing for the JDK in $JAVA_HOME (once, some seconds)..." >&2
  archive=$image/startup-$(date +%Y%m%d%H%M%S)-$$.jsa
  made=$image/archive-$$
  rm -rf "$image"/archive-*
  mkdir "$made"
  (
    unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS TF_JAVA_OPTS
    set_class_path && dump_archive
  ) >>"$target/image.log" 2>&1 </dev/null || : >"$made/startup.jsa"
  touch -r "$JAVA_HOME/lib/modules" "$made/startup.jsa"
  mv "$made/startup.jsa" "$archive"
  rm -rf "$made"
}
dump_archive() {
  golden=$root/testdata/goldens/gelu-after-norm
  archive=''
  trace --help || return
  trace import --checkpoint "$golden/pytorch_model.bin" --config "$golden/config.yml" \
    --tokenizer "$golden/tokenizer.json" -o "$made/sample" &&
    trace generate -m "$made/sample" --max-tokens 4 Once
  archive=$made/startup.jsa
  (start_jvm -Xshare:dump -XX:SharedClassListFile="$made/classes.lst") && (start_jvm org.tokenformer.cli.Main --version)
}
# Removes the class ids of a run, which would contradict those of another run.
trace() {
  (start_jvm -Xshare:off -XX:DumpLoadedClassList="$made/run.lst" org.tokenformer.cli.Main "$@") &&
    sed -e '/ source: /d' -e 's/ id: [0-9]*$//' "$made/run.lst" >>"$made/classes.lst"
}
