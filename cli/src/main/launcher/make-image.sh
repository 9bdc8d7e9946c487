# Sourced by ./tokenformer when there is no image of the present sources: builds, then makes one.

# The lock is a link whose target is the owner's process id: made and owned in one step.
make_image() {
  mkdir -p "$target" || return 1
  lock=$target/image.lock
  waited=0
  until ln -s "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" || true)
    if [ ! -w "$target" ]; then
      echo "error: $target cannot be written, so the program cannot be built there" >&2
      return 1
    elif [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null && ! ps -p "$owner" >/dev/null 2>&1; then
      break_lock "$owner"
    elif [ "$waited" -ge 900 ]; then
      echo "error: process $owner has been building for 15 minutes; if it is not a build, remove $lock" >&2
      return 1
    else
      [ "$waited" -gt 0 ] || echo "tokenformer: waiting for the build of process $owner..." >&2
      sleep 1
      waited=$((waited + 1))
    fi
  done
  trap 'rm -f "$lock"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  status=0
  if ! read_image || sources_newer_than "$image/built"; then # else another process made it meanwhile
    build_jars && assemble || status=1
  fi
  rm -f "$lock"
  trap - EXIT INT TERM HUP
  return $status
}

# Only one may break a lock, and only when it still names the dead owner: a second breaker that saw the same
# owner must not remove the lock that the first one has taken since.
break_lock() {
  if mkdir "$lock.breaking" 2>/dev/null; then
    [ "$(readlink "$lock" || true)" != "$1" ] || rm -f "$lock"
    rmdir "$lock.breaking"
  else
    sleep 1
    waited=$((waited + 1))
  fi
}

# Runs Maven, unless somebody's ./build already left jars that are newer than the sources.
build_jars() {
  jar=''
  for jar in "$target"/lib/tokenformer-cli-*.jar; do :; done
  if [ -f "$jar" ] && ! sources_newer_than "$jar"; then
    touch -r "$jar" "$target/build-start"
    return 0
  fi
  log=$target/build.log
  echo "tokenformer: building (log: $log)..." >&2
  : >"$target/build-start"
  rm -rf "$target/lib" # jars of former dependencies would stay on the class path
  if ! "$root/build" -q -Dmaven.test.skip=true -pl cli -am package >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "error: the build failed; the whole log is $log" >&2
    return 1
  fi
}

assemble() {
  former=''
  [ ! -f "$target/current" ] || read -r former <"$target/current" || true
  name=image-$(date +%Y%m%d%H%M%S)-$$
  image=$target/$name
  for old in "$target"/image-*; do # a program still running from the former image keeps it until the next build
    [ ! -d "$old" ] || [ "$old" = "$target/$former" ] || rm -rf "$old"
  done
  mkdir "$image" && cp "$target"/lib/*.jar "$image/" || return 1
  modernise >"$target/image.log" 2>&1 </dev/null || true
  set_class_path
  make_archive >>"$target/image.log" 2>&1 </dev/null || rm -f "$image/startup.jsa"
  mv "$target/build-start" "$image/built" || return 1
  printf '%s\n%s\n' "$name" "$JAVA_HOME" >"$target/current.new" && mv -f "$target/current.new" "$target/current"
}

# The class archive cannot contain the old format of picocli's class files. The program also works with the original.
modernise() {
  for jar in "$image"/picocli-*.jar; do
    "$JAVA_HOME/bin/java" "$root/cli/src/main/launcher/ModernClassFiles.java" "$jar" "$jar.new" &&
      mv "$jar.new" "$jar" || rm -f "$jar.new"
  done
}

# Class data sharing: stores the classes that trial runs load, parsed and verified. The trial runs do what
# users do first: read the help, import a model, generate text. Without the archive the program only starts more
# slowly, so a failure here is ignored.
make_archive() {
  golden=$root/testdata/goldens/gelu-after-norm
  trace --help || return 1
  trace import --checkpoint "$golden/pytorch_model.bin" --config "$golden/config.yml" \
    --tokenizer "$golden/tokenizer.json" -o "$image/sample" &&
    trace generate -m "$image/sample" --max-tokens 4 Once
  rm -rf "$image/sample" "$image/run.lst"
  "$JAVA_HOME/bin/java" $jvm_options -Xshare:dump -XX:SharedClassListFile="$image/classes.lst" \
    -XX:SharedArchiveFile="$image/startup.jsa" -cp "$class_path" &&
    "$JAVA_HOME/bin/java" $jvm_options -XX:SharedArchiveFile="$image/startup.jsa" \
      -cp "$class_path" org.tokenformer.cli.Main --version
}
# Removes the class ids of a run, which would contradict those of another run.
trace() {
  "$JAVA_HOME/bin/java" $jvm_options -Xshare:off -XX:DumpLoadedClassList="$image/run.lst" \
    -cp "$class_path" org.tokenformer.cli.Main "$@" &&
    sed -e '/ source: /d' -e 's/ id: [0-9]*$//' "$image/run.lst" >>"$image/classes.lst"
}
