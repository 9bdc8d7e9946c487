# Sourced by ./build and ./tokenformer: sets JAVA_HOME to a JDK of exactly the feature version wanted.
TF_JAVA=25

tf_is_jdk() { # DIR: succeeds when DIR holds a JDK of that version, compiler included
  [ -n "$1" ] && [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] || return 1
  if [ -r "$1/release" ]; then
    tf_v=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
  else
    tf_v=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
  fi
  [ "$tf_v" = "$TF_JAVA" ]
}

tf_no_jdk() {
  echo "error: no JDK $TF_JAVA was found (looked at TF_JAVA_HOME, JAVA_HOME, JAVA${TF_JAVA}_HOME, PATH, /usr/lib/jvm, SDKMAN, Homebrew, ~/.jdks); install one (Debian, Ubuntu: openjdk-$TF_JAVA-jdk or temurin-$TF_JAVA-jdk; SDKMAN: sdk install java $TF_JAVA-tem) or set TF_JAVA_HOME to its folder" >&2
}

tf_use() { tf_is_jdk "$1" && JAVA_HOME=$1; }

tf_find_jdk() {
  eval "tf_c=\${JAVA${TF_JAVA}_HOME:-}"
  for tf_d in "${TF_JAVA_HOME:-}" "${JAVA_HOME:-}" "$tf_c"; do
    tf_use "$tf_d" && return 0
  done
  if tf_p=$(command -v java 2>/dev/null); then
    while [ -L "$tf_p" ]; do
      tf_l=$(readlink "$tf_p")
      case $tf_l in /*) tf_p=$tf_l ;; *) tf_p=$(dirname "$tf_p")/$tf_l ;; esac
    done
    tf_use "$(cd "$(dirname "$tf_p")/.." && pwd)" && return 0
  fi
  tf_h=${HOME:-/nonexistent}
  if [ -n "${TF_JDK_FOLDERS+set}" ]; then # folders of JDKs, parted by colons, in place of the usual ones
    tf_ifs=$IFS
    IFS=:
    for tf_f in $TF_JDK_FOLDERS; do
      IFS=$tf_ifs
      for tf_d in "$tf_f"/*; do
        tf_use "$tf_d" && return 0
      done
    done
    IFS=$tf_ifs
    tf_no_jdk
    return 1
  fi
  if [ -x /usr/libexec/java_home ]; then # macOS
    tf_d=$(/usr/libexec/java_home -v $TF_JAVA 2>/dev/null) && tf_use "$tf_d" && return 0
  fi
  for tf_d in /usr/lib/jvm/*$TF_JAVA* /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* \
    /opt/homebrew/opt/openjdk@$TF_JAVA /usr/local/opt/openjdk@$TF_JAVA \
    /Library/Java/JavaVirtualMachines/*/Contents/Home \
    "${SDKMAN_DIR:-$tf_h/.sdkman}"/candidates/java/* "$tf_h"/.jdks/* \
    "$tf_h"/.asdf/installs/java/* "$tf_h"/.local/share/mise/installs/java/*; do
    tf_use "$tf_d" && return 0
  done
  tf_no_jdk
  return 1
}
