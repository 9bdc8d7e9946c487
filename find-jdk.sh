# Sourced by ./build and ./tokenformer: sets JAVA_HOME to a JDK 25 or, if there is none, to the newest later one.
TF_JAVA=25

tf_jdk_version() { # DIR: sets tf_v to the feature version of the JDK there; fails if there is none, compiler included
  tf_v=''
  [ -n "$1" ] && [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] || return 1
  if [ -r "$1/release" ]; then
    tf_v=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
  else
    tf_v=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
  fi
  [ -n "$tf_v" ]
}

# What is done with each folder that may hold a JDK; the search ends at the first that succeeds.
tf_is_wanted() { tf_jdk_version "$1" && [ "$tf_v" -eq "$TF_JAVA" ] && JAVA_HOME=$1; }
tf_keep_newest() { # always fails, so that all folders are seen
  if tf_jdk_version "$1" && [ "$tf_v" -gt "$tf_newest" ]; then
    tf_newest=$tf_v tf_newest_home=$1
  fi
  return 1
}

tf_each_folder() { # FUNCTION: calls it with each folder until it succeeds
  eval "tf_c=\${JAVA${TF_JAVA}_HOME:-}"
  for tf_d in "${TF_JAVA_HOME:-}" "${JAVA_HOME:-}" "$tf_c"; do
    "$1" "$tf_d" && return 0
  done
  if tf_p=$(command -v java 2>/dev/null); then
    while [ -L "$tf_p" ]; do
      tf_l=$(readlink "$tf_p")
      case $tf_l in /*) tf_p=$tf_l ;; *) tf_p=$(dirname "$tf_p")/$tf_l ;; esac
    done
    "$1" "$(cd "$(dirname "$tf_p")/.." && pwd)" && return 0
  fi
  if [ -n "${TF_JDK_FOLDERS+set}" ]; then # folders that contain JDKs, separated by colons, instead of the usual ones
    tf_ifs=$IFS
    IFS=:
    for tf_f in $TF_JDK_FOLDERS; do
      IFS=$tf_ifs
      for tf_d in "$tf_f"/*; do
        "$1" "$tf_d" && return 0
      done
    done
    IFS=$tf_ifs
    return 1
  fi
  tf_h=${HOME:-/nonexistent}
  if [ -x /usr/libexec/java_home ]; then # macOS
    tf_d=$(/usr/libexec/java_home -v $TF_JAVA 2>/dev/null) && "$1" "$tf_d" && return 0
  fi
  for tf_d in /usr/lib/jvm/*$TF_JAVA* /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* \
    /opt/homebrew/opt/openjdk@$TF_JAVA /usr/local/opt/openjdk@$TF_JAVA \
    /opt/homebrew/opt/openjdk /usr/local/opt/openjdk \
    /Library/Java/JavaVirtualMachines/*/Contents/Home \
    "${SDKMAN_DIR:-$tf_h/.sdkman}"/candidates/java/* "$tf_h"/.jdks/* \
    "$tf_h"/.asdf/installs/java/* "$tf_h"/.local/share/mise/installs/java/*; do
    "$1" "$tf_d" && return 0
  done
  return 1
}

# Sets JAVA_HOME, and tf_note to one line about the JDK if it is not the tested version. A newer JDK is used at once if
# TF_JAVA_HOME names it: that is the user's choice.
tf_find_jdk() {
  tf_note='' tf_newest=$TF_JAVA tf_newest_home=''
  tf_keep_newest "${TF_JAVA_HOME:-}" || true
  if [ -z "$tf_newest_home" ]; then
    tf_each_folder tf_is_wanted && return 0
    tf_each_folder tf_keep_newest || true
  fi
  if [ -z "$tf_newest_home" ]; then
    echo "error: no JDK $TF_JAVA or newer was found (looked at TF_JAVA_HOME, JAVA_HOME, JAVA${TF_JAVA}_HOME, PATH, /usr/lib/jvm, SDKMAN, Homebrew, ~/.jdks); install one (Debian, Ubuntu: openjdk-$TF_JAVA-jdk or temurin-$TF_JAVA-jdk; SDKMAN: sdk install java $TF_JAVA-tem) or set TF_JAVA_HOME to its folder" >&2
    return 1
  fi
  JAVA_HOME=$tf_newest_home
  tf_note="note: using JDK $tf_newest ($JAVA_HOME); this program is tested on JDK $TF_JAVA only"
}
