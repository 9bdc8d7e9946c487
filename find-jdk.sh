# Sourced by ./build and ./tokenformer: sets JAVA_HOME to a JDK 25 or, if there is none, to the newest later one.
TF_JAVA=25

# DIR: sets tf_v to the feature version of the JDK there, tf_modules to the list of its modules if it has one; fails,
# with the reason in tf_flaw, if there is no JDK.
tf_jdk_version() {
  tf_v='' tf_modules='' tf_flaw=''
  if [ ! -d "$1" ]; then
    tf_flaw='is not a folder'
  elif [ ! -x "$1/bin/java" ]; then
    tf_flaw='has no program bin/java'
  elif [ ! -x "$1/bin/javac" ]; then
    tf_flaw='has no compiler bin/javac: it is a runtime, not a JDK'
  elif [ -r "$1/release" ]; then
    tf_release=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/@\1@/p; /^MODULES=/p' "$1/release")
    case $tf_release in *@*@*) tf_v=${tf_release#*@} tf_v=${tf_v%%@*} ;; esac
    case $tf_release in *MODULES=*) tf_modules=${tf_release#*MODULES=} ;; esac
  else
    tf_v=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
  fi
  [ -n "$tf_v" ] || { tf_flaw=${tf_flaw:-does not tell its version} && return 1; }
}

# What is done with each folder that may hold a JDK; the search ends at the first that succeeds.
tf_is_wanted() { tf_jdk_version "$1" && [ "$tf_v" -eq "$TF_JAVA" ] && JAVA_HOME=$1; }
tf_keep_newest() { # always fails, so that all folders are seen
  if tf_jdk_version "$1" && [ "$tf_v" -gt "$tf_newest" ]; then
    tf_newest=$tf_v tf_newest_home=$1 tf_newest_modules=$tf_modules
  fi
  return 1
}

tf_each_folder() { # FUNCTION: calls it with each folder until it succeeds
  eval "tf_c=\${JAVA${TF_JAVA}_HOME:-}"
  for tf_d in "${JAVA_HOME:-}" "$tf_c"; do
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

# Sets JAVA_HOME, and tf_note to one line about the JDK if it is not the tested version. TF_JAVA_HOME is the user's
# choice: a newer JDK is used at once, and what is not suitable is an error.
tf_find_jdk() {
  tf_note=''
  if [ -n "${TF_JAVA_HOME:-}" ]; then
    case $TF_JAVA_HOME in /*) JAVA_HOME=$TF_JAVA_HOME ;; *) JAVA_HOME=$PWD/$TF_JAVA_HOME ;; esac
    if tf_jdk_version "$JAVA_HOME" && [ "$tf_v" -lt "$TF_JAVA" ]; then
      tf_flaw="is JDK $tf_v"
    fi
    if [ -n "$tf_flaw" ]; then
      echo "error: TF_JAVA_HOME must be the folder of a JDK $TF_JAVA or newer, not $TF_JAVA_HOME, which $tf_flaw; correct or unset it" >&2
      return 1
    fi
  elif ! tf_each_folder tf_is_wanted; then
    tf_newest=$TF_JAVA tf_newest_home=''
    tf_each_folder tf_keep_newest || true
    if [ -z "$tf_newest_home" ]; then
      echo "error: no JDK $TF_JAVA or newer was found (looked at TF_JAVA_HOME, JAVA_HOME, JAVA${TF_JAVA}_HOME, PATH, /usr/lib/jvm, SDKMAN, Homebrew, ~/.jdks); install one (Debian, Ubuntu: openjdk-$TF_JAVA-jdk or temurin-$TF_JAVA-jdk; SDKMAN: sdk install java $TF_JAVA-tem) or set TF_JAVA_HOME to its folder" >&2
      return 1
    fi
    JAVA_HOME=$tf_newest_home tf_v=$tf_newest tf_modules=$tf_newest_modules
  fi
  [ "$tf_v" -eq "$TF_JAVA" ] ||
    tf_note="note: using JDK $tf_v ($JAVA_HOME); this program is tested on JDK $TF_JAVA only"
}
